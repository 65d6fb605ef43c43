import { z } from 'zod';
import { settingsGroup } from '../platform/config/index.js';

export const modelsSettings = settingsGroup(
  'models',
  z
    .object({
      artifactStore: z
        .enum(['folder', 's3'])
        .default('folder')
        .describe(
          'Where artifacts lie: in a folder, which all processes of the installation share, or in an S3-compatible bucket.',
        ),
      artifactFolder: z
        .string()
        .min(1)
        .default('.ratchet/artifacts')
        .describe('Folder of the content-addressed artifacts.'),
      s3Bucket: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Bucket of the artifacts. Credentials come from where every AWS program looks: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a shared file, or the identity of the pod or machine.',
        ),
      s3Prefix: z
        .string()
        .default('')
        .transform((prefix) => (prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`))
        .describe('Before every key in the bucket, e.g. `ratchet/`.'),
      s3Endpoint: z
        .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
        .optional()
        .describe('Address of an S3-compatible server. Unset: AWS.'),
      s3Region: z.string().min(1).default('us-east-1').describe('Region of the bucket.'),
      s3PathStyle: z
        .stringbool()
        .default(false)
        .describe('Name the bucket in the path and not in the host name, as most servers other than AWS want it.'),
      cacheFolder: z
        .string()
        .min(1)
        .default('.ratchet/artifact-cache')
        .describe('Where artifacts of a bucket lie while this machine uses them; each machine has its own.'),
      cacheBytes: z.coerce
        .number()
        .int()
        .min(0)
        .default(10 * 1024 ** 3)
        .describe('What of them is kept; what was used within ten minutes stays in any case.'),
      artifactBytes: z.coerce
        .number()
        .int()
        .min(1024)
        .max(2 * 1024 ** 3 - 1)
        .default(512 * 1024 ** 2)
        .describe('Largest artifact in bytes; protobuf itself ends below 2 GiB.'),
    })
    .refine(({ artifactStore, s3Bucket }) => artifactStore === 'folder' || s3Bucket !== undefined, {
      path: ['s3Bucket'],
      error: 'is needed when RATCHET_MODELS_ARTIFACT_STORE is s3',
    }),
);
