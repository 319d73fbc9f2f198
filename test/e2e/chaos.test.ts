import { describe, test } from 'vitest';
import { campaign, type CampaignOptions, FAULTS, type Report } from '../chaos/campaign.ts';

const SEED = 6;

/** A small campaign from a fixed seed; `npm run chaos` is the whole of it. */
async function short(options: Pick<CampaignOptions, 'pictures' | 'strikes' | 'faults'>): Promise<Report> {
  const report = await campaign({
    ...options,
    seed: SEED,
    latencyMs: 1_000,
    source: 'bucket',
    say: () => {},
  });
  const { recordedAskedAgain, othersAskedAgain, openAtOutages } = report.verdict;
  console.log(
    `seed ${SEED}: recorded answers asked again ${recordedAskedAgain}; ` +
      `others ${othersAskedAgain}, of ${openAtOutages} that were open`,
  );
  return report;
}

// A minute for both; the rest is for a busy machine.
describe.concurrent('nothing is lost and nothing is paid twice', { timeout: 300_000 }, () => {
  test('when worker, server and everything at once are killed in a run full of faults', async ({
    expect,
  }) => {
    const { verdict, missed } = await short({
      pictures: 12,
      strikes: { worker: 1, server: 1, everything: 1 },
      faults: FAULTS,
    });
    expect(verdict.violations).toEqual([]);
    expect(missed).toEqual([]);
    expect(verdict.recordedAskedAgain).toBe(0);
  });

  test('when everything is killed at half of a run: one pass, and the calls that were open', async ({
    expect,
  }) => {
    const { verdict, calls } = await short({ pictures: 12, strikes: { everything: 1 }, faults: [] });
    expect(verdict.violations).toEqual([]);
    expect(verdict.answers).toBe(12 * 6);
    expect(verdict.othersAskedAgain).toBeLessThanOrEqual(verdict.openAtOutages);
    expect(calls).toBe(12 * 6 + verdict.othersAskedAgain);
  });
});
