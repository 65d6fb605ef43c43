/** Stops every cluster that the tests of this checkout left behind. */
import { takeDownAll } from './cluster.mjs';

takeDownAll();
