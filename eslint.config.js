import tseslint from 'typescript-eslint';

const noForwardRef = {
  selector: "CallExpression[callee.name='forwardRef']",
  message: 'Modules in a cycle do not load in ESM: move the shared type upstream, or publish a fact.',
};
const noBareDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: 'Time comes from the Clock port.',
};
const noEnvironment = {
  object: 'process',
  property: 'env',
  message: 'Configuration is parsed once, in platform/config: inject the slice.',
};
const noClock = { object: 'Date', property: 'now', message: 'Time comes from the Clock port.' };
const noChance = {
  object: 'Math',
  property: 'random',
  message: 'Chance comes from the kernel: seeded, so that a run can be repeated.',
};

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'coverage/',
      'node_modules/',
      '.runtime/',
      '.ratchet/',
      '.venv/',
      'gpu-runners/',
      '**/fixtures/',
      '**/*.d.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', { max: 400 }],
      // A switch over phases is one decision, however many arms it has.
      complexity: ['error', { max: 12, variant: 'modified' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-empty': 'error',
      'no-restricted-syntax': ['error', noForwardRef],
      'no-restricted-properties': ['error', noEnvironment],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      // An import that Nest injects by its type must stay a value import; this rule cannot know which are.
      '@typescript-eslint/consistent-type-imports': 'off',
      // Ports are abstract classes whose fakes need not await anything.
      '@typescript-eslint/require-await': 'off',
      // An index that was just bounds-checked: the assertion says so more plainly than a branch that cannot be reached.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Data from outside is checked where it arrives; after it the types cannot see what a hand-edited row holds.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // Options are given as object literals to libraries that declare them as classes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['src/*/domain/**/*.ts', 'src/kernel/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-syntax': ['error', noForwardRef, noBareDate],
      'no-restricted-properties': ['error', noEnvironment, noClock, noChance],
    },
  },
  {
    // The places whose work it is to read the environment.
    files: [
      'src/platform/config/**/*.ts',
      'src/platform/postgres/embedded-postgres.ts', // hands PATH on to the server that it starts
      'src/cli/main.ts',
      'demo/**/*.ts',
      'test/**/*.ts',
      '**/testing/**/*.ts',
      '**/*.spec.ts',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts', '**/testing/**/*.ts'],
    rules: {
      complexity: 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    rules: { 'max-lines': ['error', { max: 400 }], complexity: ['error', 12], eqeqeq: 'error', 'no-undef': 'off' },
  },
);
