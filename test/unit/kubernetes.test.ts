import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { LONGEST_CALL_SECONDS, SETTINGS } from '../../src/config.ts';
import { TASK_QUEUE } from '../../src/shared/names.ts';
import { graceOf } from '../../src/worker/grace.ts';
import { durationMs } from '../cluster/compose-file.ts';
import { createValidator } from '../helpers/kubernetes.ts';

const FOLDER = 'deploy/kubernetes';
const validate = await createValidator();

const object = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
});
const files = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }));
const objects = files.flatMap(({ name, text }) =>
  parseAllDocuments(text).map((document) => ({ file: name, it: object.parse(document.toJS()) })),
);
const all = (kind: string): unknown[] => objects.filter(({ it }) => it.kind === kind).map(({ it }) => it);

const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
const dashed = version.replaceAll('.', '-');

const variable = z.looseObject({ name: z.string(), value: z.string().optional() });
const container = z.looseObject({
  image: z.string(),
  env: z.array(variable).default([]),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  readinessProbe: z.unknown().optional(),
  livenessProbe: z.unknown().optional(),
});
const podOwner = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    replicas: z.number().optional(),
    template: z.looseObject({
      spec: z.looseObject({
        automountServiceAccountToken: z.literal(false),
        terminationGracePeriodSeconds: z.number().optional(),
        securityContext: z.looseObject({
          runAsNonRoot: z.literal(true),
          seccompProfile: z.object({ type: z.literal('RuntimeDefault') }),
        }),
        containers: z.tuple([container]),
      }),
    }),
  }),
});
const pods = [...all('Deployment'), ...all('Job')].map((it) => podOwner.parse(it));
const podOf = (name: string): z.output<typeof podOwner> => {
  const found = pods.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};
const worker = podOf(`image-analysis-worker-${dashed}`);
const [workerContainer] = worker.spec.template.spec.containers;
const valueOf = (name: string): string | undefined =>
  workerContainer.env.find((it) => it.name === name)?.value;

const compose = z
  .object({
    services: z.object({
      worker: z.looseObject({ stop_grace_period: z.string() }),
      'temporal-schema': z.looseObject({ image: z.string() }),
    }),
  })
  .parse(parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true })).services;

describe('each object', () => {
  test.each(objects.map(({ file, it }) => [`${file}: ${it.kind} ${it.metadata.name}`, it] as const))(
    '%s is what the API takes',
    (_title, it) => {
      expect(validate(it)).toEqual([]);
    },
  );

  test.each([
    ['worker.yaml', 'terminationGracePeriodSeconds:', 'terminationGraceSeconds:'],
    ['worker.yaml', 'readOnlyRootFilesystem: true', 'readOnlyRootFileSystem: true'],
    ['worker.yaml', 'periodSeconds: 2', 'periodSeconds: often'],
    ['worker.yaml', 'minAvailable:', 'minimumAvailable:'],
    ['storage.yaml', 'accessModes:', 'accessMode:'],
    ['page.yaml', 'targetPort:', 'target:'],
    ['page.yaml', 'kind: Service\n', 'kind: Servise\n'],
    ['version.yaml', 'backoffLimit:', 'backOffLimit:'],
    ['scaledobject.yaml', 'minReplicaCount:', 'minReplicas:'],
    ['scaledobject.yaml', 'stabilizationWindowSeconds:', 'stabilisationWindowSeconds:'],
    ['scaledobject.yaml', 'taskQueue:', 'queue:'],
    ['scaledobject.yaml', "targetQueueSize: '50'", 'targetQueueSize: 50'],
  ])('%s would be refused with a mistake in "%s"', (file, right, wrong) => {
    const text = files.find(({ name }) => name === file)?.text ?? '';
    expect(text).toContain(right);
    const broken = parseAllDocuments(text.replace(right, wrong)).map(
      (document) => document.toJS() as unknown,
    );
    expect(broken.flatMap(validate)).not.toEqual([]);
  });

  test('an unknown kind is a fault', () => {
    expect(validate({ apiVersion: 'example.org/v1', kind: 'Other', metadata: { name: 'a' } })).not.toEqual(
      [],
    );
  });
});

test('no secret is in the files, and no tag that moves', () => {
  expect(all('Secret')).toEqual([]);
  const images = pods.map(({ spec }) => spec.template.spec.containers[0].image);
  for (const image of images) {
    if (image.includes('image-analysis'))
      expect(image).toMatch(new RegExp(`/image-analysis:${version}(-full)?$`));
    else expect(image).toBe(compose['temporal-schema'].image);
  }
});

test('variables are settings of the program', () => {
  const map = z.object({ data: z.record(z.string(), z.string()) }).parse(all('ConfigMap')[0]);
  const names = [
    ...Object.keys(map.data),
    ...pods.flatMap(({ spec }) => spec.template.spec.containers[0].env.map(({ name }) => name)),
  ];
  const settings = SETTINGS.map(({ name }): string => name);
  expect(names.filter((name) => !settings.includes(name))).toEqual([]);
});

test('a worker has as long to end as compose gives it, which is longer than it waits for the longest call', () => {
  const ms = (worker.spec.template.spec.terminationGracePeriodSeconds ?? 0) * 1000;
  expect(ms).toBe(durationMs(compose.worker.stop_grace_period));
  expect(ms).toBeGreaterThan(graceOf({ modelTimeoutMs: LONGEST_CALL_SECONDS * 1000 }).all);
});

test('the probes ask where the worker answers', () => {
  const portOf = (setting: string): number => Number(valueOf(setting)?.split(':').at(-1));
  const ports = Object.fromEntries(
    workerContainer.ports.map(({ name, containerPort }) => [name, containerPort]),
  );
  expect(ports).toEqual({ metrics: portOf('METRICS_ADDRESS'), health: portOf('HEALTH_ADDRESS') });
  expect(workerContainer.livenessProbe).toMatchObject({ httpGet: { path: '/healthz', port: 'health' } });
  expect(workerContainer.readinessProbe).toMatchObject({ httpGet: { path: '/readyz', port: 'health' } });
});

test('the autoscaler scales these workers by what waits for this version of them', () => {
  const scaled = z
    .object({
      spec: z.looseObject({
        scaleTargetRef: z.object({ name: z.string() }),
        triggers: z.tuple([z.looseObject({ metadata: z.record(z.string(), z.string()) })]),
      }),
    })
    .parse(all('ScaledObject')[0]).spec;
  expect(scaled.scaleTargetRef.name).toBe(worker.metadata.name);
  expect(worker.spec.replicas).toBeUndefined();
  const map = z.object({ data: z.record(z.string(), z.string()) }).parse(all('ConfigMap')[0]);
  expect(scaled.triggers[0].metadata).toMatchObject({
    endpoint: map.data['TEMPORAL_ADDRESS'],
    namespace: map.data['TEMPORAL_NAMESPACE'],
    taskQueue: TASK_QUEUE,
    workerDeploymentName: valueOf('WORKER_DEPLOYMENT'),
    workerDeploymentBuildId: version,
  });
  const [job] = podOf(`image-analysis-version-${dashed}`).spec.template.spec.containers;
  expect(job['args']).toEqual(
    expect.arrayContaining([`--deployment-name=${valueOf('WORKER_DEPLOYMENT')}`, `--build-id=${version}`]),
  );
});

test('every object of one version bears it in its label', () => {
  for (const { it } of objects.filter(({ it }) => it.metadata.name.endsWith(dashed)))
    expect(it.metadata.labels['app.kubernetes.io/version']).toBe(version);
});
