import type { ActivitySlotInfo } from '@temporalio/worker';
import { callsNeeded, hasRoom, meanCall, windowOf } from '../src/workflows/window.ts';
import { createLimitAccount, type AccountState } from '../src/simulator/account.ts';
import { startCompetitor } from '../src/simulator/competitor.ts';
import { draw, latencyMs, slowdownFactor } from '../src/simulator/random.ts';
import { createInFlightGuard } from '../src/worker/limiter/in-flight.ts';
import { createRateLimiter, type Spend } from '../src/worker/limiter/rate-limiter.ts';
import { createLimitedSlots } from '../src/worker/slot-supplier.ts';
import { createVirtualClock } from '../test/helpers/virtual-clock.ts';
import type { Recorded, RecordedCall } from './recorded.ts';
import { PROMPTS, type Scenario } from './scenarios.ts';

/** What a call of the mission is charged, and one at low detail, by the published rules. */
const TOKENS = { high: 1_500, low: 669 };

/** What the worker takes a call for before it has seen one. */
const PLANNED = { tokensPerCall: 1_500 };

const BATCH = 4;
const MAX_IN_FLIGHT = 500;
const SEED = 1;

/** Timers go off late by up to so long, and a call is on its way for up to so long, as on a machine that is at work. */
const LATE_MS = 3;
const ON_ITS_WAY_MS = 20;

/** A scenario at the real account's own speed. No processor is in the way, so the widest limits are kept to as the others are. */
export function onVirtualClock(scenario: Scenario): Scenario {
  const { competitor, slowdown } = scenario.variant ?? {};
  const wide = competitor === undefined && slowdown === undefined;
  const { ratio = 1.03 } = scenario.bounds;
  return {
    ...scenario,
    speed: 1,
    bounds: { ...scenario.bounds, ...(wide ? { ratio: Math.min(ratio, 1.05) } : {}) },
  };
}

interface Question {
  picture: number;
  left: number;
}

/**
 * Runs a scenario on a virtual clock at the real account's own speed: the limiter, the slots and the guard as a worker
 * has them, against the simulator's arithmetic of the account. There is no Temporal in it: a task is there at once, and
 * several workers, of whom none comes or goes, take equal parts of the limits.
 */
export async function virtualRun(scenario: Scenario): Promise<Recorded> {
  const { account: limits, told, variant = {} } = scenario;
  const random = createDraws();
  const clock = createVirtualClock(() => random() * LATE_MS);
  const account = createLimitAccount(limits, clock.now, { windowMs: variant.windowMs });
  const competitor = variant.competitor && startCompetitor(account, variant.competitor, SEED, clock);
  const formula = TOKENS[scenario.detail === 'low' ? 'low' : 'high'];
  const charged = Math.ceil(formula * (variant.chargeFactor ?? 1));
  const startedAt = clock.now();
  const calls: RecordedCall[] = [];
  const pictures: { startedAt: number; endedAt: number; answers: { sentAt: number; ms: number }[] }[] = [];
  const tasks = createTasks<Question>();
  const seen = { answered: 0, recalled: 0, charged: 0, modelMs: 0 };
  let ended = 0;
  let inFlight = 0;

  const count = scenario.workers ?? 1;
  const workers = Array.from({ length: count }, () => {
    const settings = told === 'auto' ? ({ requestsPerMinute: told, tokensPerMinute: told } as const) : told;
    const limiter = createRateLimiter({ limits: settings, ...PLANNED, clock });
    limiter.shareWith(count);
    limiter.usedBy(count);
    const guard = createInFlightGuard({ max: MAX_IN_FLIGHT, clock });
    const slots = createLimitedSlots(limiter, guard.limit);
    guard.onChange(slots.roomChanged);
    return { limiter, guard, slots };
  });
  type Worker = (typeof workers)[number];

  /** Opens pictures until as many are open as the workflow would have. */
  const openPictures = (): void => {
    const now = workers[0]?.limiter.snapshot().limits;
    if (now === undefined) return;
    const needed = callsNeeded(now, meanCall(PLANNED, seen));
    const { children, sideBySide } = windowOf({ batchSize: BATCH, concurrency: null, needed });
    const running = (): number => (pictures.length - ended) / sideBySide;
    const left = (): number => Math.ceil((scenario.pictures - pictures.length) / BATCH);
    while (left() > 0 && hasRoom({ running: running(), children, left: left() })) {
      pictures.push({ startedAt: clock.now(), endedAt: 0, answers: [] });
      tasks.add({ picture: pictures.length - 1, left: PROMPTS });
    }
  };

  /** As the worker does it: a slot when a call may go, then a poll, then the task. */
  const poll = async ({ slots, limiter, guard }: Worker): Promise<void> => {
    const context = {
      slotType: 'activity',
      taskQueue: '',
      workerIdentity: '',
      workerBuildId: '',
      isSticky: false,
    } as const;
    for (;;) {
      const permit = await slots.supplier.reserveSlot(context, new AbortController().signal);
      const question = await tasks.next();
      slots.supplier.markSlotUsed({ slotInfo: { activityType: 'askModel' } as ActivitySlotInfo, permit });
      void ask(question, { slots, limiter, guard }, slots.claim()).finally(() => {
        slots.supplier.releaseSlot({ permit });
        openPictures();
      });
    }
  };

  const ask = async (
    question: Question,
    { limiter, guard, slots }: Worker,
    claimed: Spend | null,
  ): Promise<void> => {
    await clock.sleep(random() * ON_ITS_WAY_MS);
    if (claimed !== null && limiter.closed()) {
      claimed.cancel();
      claimed = null;
    }
    const share = claimed ?? (await limiter.acquire(formula));
    share.weigh('a picture', formula);
    const sentAt = clock.now();
    const told = guard.started(slots.inUse());
    await clock.sleep(random() * ON_ITS_WAY_MS);
    const call: RecordedCall = { at: clock.now(), ms: 0, admitted: 0, status: 429, account: null };
    calls.push(call);
    const admission = account.admit(charged);
    call.account = account.state();
    if (!admission.admitted) {
      if (admission.waitMs === null) throw new Error('a call that never fits');
      await clock.sleep(random() * ON_ITS_WAY_MS);
      told(null);
      const name = `${admission.by}PerMinute` as const;
      share.refused(headersOf(call.account), { name, perMinute: admission.limit, used: admission.used });
      limiter.closeFor(admission.waitMs);
      void clock.sleep(admission.waitMs).then(() => tasks.add(question));
      return;
    }
    inFlight += 1;
    const factor = variant.slowdown === undefined ? 1 : slowdownFactor(variant.slowdown, inFlight);
    await clock.sleep(latencyMs({ medianMs: scenario.latencyMs }, SEED, calls.length) * factor);
    inFlight -= 1;
    Object.assign(call, { ms: clock.now() - call.at, admitted: charged, status: 200 });
    const ms = clock.now() - sentAt;
    told(ms);
    const shown = variant.headersAsOf === 'answer' ? account.state() : call.account;
    const counted = share.admitted(
      variant.rateHeaders === false ? { limits: {} } : headersOf(shown),
      charged,
    );
    seen.answered += 1;
    seen.charged += counted;
    seen.modelMs += ms;
    const picture = pictures[question.picture];
    picture?.answers.push({ sentAt, ms });
    if (question.left > 1) tasks.add({ ...question, left: question.left - 1 });
    else if (picture) {
      picture.endedAt = clock.now();
      ended += 1;
    }
  };

  for (const worker of workers) {
    void poll(worker);
  }
  openPictures();
  while (ended < scenario.pictures) await clock.advance(1_000);
  competitor?.stop();
  return {
    startedAt,
    endedAt: Math.max(...pictures.map(({ endedAt }) => endedAt)),
    calls,
    pictures,
    workers: [],
    took: { ...(competitor?.taken ?? { requests: 0, tokens: 0 }) },
  };
}

const headersOf = ({ limits, remainingRequests, remainingTokens }: AccountState) => ({
  limits,
  remainingRequests,
  remainingTokens,
});

/** Numbers in [0, 1), the same in every run. */
function createDraws(): () => number {
  let n = 0;
  return () => draw(SEED, 'virtual', (n += 1));
}

/** A queue whose reader waits until there is something. */
function createTasks<T>(): { add(task: T): void; next(): Promise<T> } {
  const tasks: T[] = [];
  const readers: ((task: T) => void)[] = [];
  return {
    add(task) {
      const reader = readers.shift();
      if (reader) reader(task);
      else tasks.push(task);
    },
    next: () =>
      new Promise((resolve) => {
        const task = tasks.shift();
        if (task === undefined) readers.push(resolve);
        else resolve(task);
      }),
  };
}
