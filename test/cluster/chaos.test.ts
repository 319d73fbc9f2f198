import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { campaign } from '../chaos/campaign.ts';
import type { Victim } from '../chaos/processes.ts';
import { createScene, type Scene, serves } from './scene.ts';

const parts = inject('parts');
const SEED = 8;
const PICTURES = 40;
const CAMPAIGN_MS = 600_000;

/** The chaos campaign's own workers, account and pictures; server and database are those of the compose file. */
describe.skipIf(parts === null)('the chaos campaign on PostgreSQL', () => {
  let scene: Scene;

  beforeAll(async () => {
    if (parts === null) return;
    scene = await createScene({ parts, latencyMs: 1_000 });
    await scene.cluster.up(['temporal-namespace']);
  });
  afterAll(() => scene?.close());

  test(
    'loses nothing, whether the server, its database or both are killed',
    async () => {
      const report = await campaign({
        seed: SEED,
        pictures: PICTURES,
        latencyMs: 2_000,
        faults: [{ kind: 'server-error', share: 0.05 }],
        strikes: { server: 3, worker: 2, both: 1 },
        source: 'folder',
        server: victim(scene),
        say: console.log,
      });
      expect(report.verdict).toMatchObject({ violations: [], recordedAskedAgain: 0 });
      expect(report.missed).toEqual([]);
      expect(report.verdict.answers).toBe(PICTURES * 6);
    },
    CAMPAIGN_MS,
  );
});

/** "The server" of a campaign: in turn Temporal, PostgreSQL, and both at once. */
function victim({ cluster, client, address }: Scene): Victim & { address: string } {
  const turns = [['temporal'], ['postgresql'], ['temporal', 'postgresql']];
  let turn = 0;
  return {
    address,
    async kill() {
      const services = turns[turn % turns.length] ?? [];
      turn += 1;
      await Promise.all(services.map((service) => cluster.container(service).kill()));
    },
    async start() {
      for (const service of ['postgresql', 'temporal']) {
        cluster.container(service).start();
        await cluster.healthy(service);
      }
      await serves({ client });
    },
  };
}
