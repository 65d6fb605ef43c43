import type { ResourceKind, StoredObject } from '../../../platform/kubernetes/index.js';

export const JOBS: ResourceKind = { group: 'batch', version: 'v1', plural: 'jobs' };
export const PODS: ResourceKind = { group: '', version: 'v1', plural: 'pods' };
export const SECRETS: ResourceKind = { group: '', version: 'v1', plural: 'secrets' };
export const WORKLOADS: ResourceKind = { group: 'kueue.x-k8s.io', version: 'v1beta2', plural: 'workloads' };

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** What is read of a `batch/v1` Job; times are texts. */
export interface JobObject extends StoredObject {
  readonly spec: { readonly suspend?: boolean };
  readonly status?: {
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly conditions?: readonly Condition[];
  };
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly signal?: number;
    readonly reason?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
  };
}

/** What is read of a Pod. */
export interface PodObject extends StoredObject {
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly { readonly name: string; readonly state?: ContainerState }[];
  };
}

/** What is read of Kueue's Workload. */
export interface WorkloadObject extends StoredObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}
