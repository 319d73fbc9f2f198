import type { Config } from '../../config.ts';
import type { Probes, SourceProbe } from '../../shared/probes.ts';
import { plural } from '../../shared/phrases.ts';
import { messageOf } from '../errors.ts';
import { type Check, type Finding, ok, skipped, warn, wrong } from './check.ts';

/** Of a bucket that nobody answers for: the network's, or the service's. */
const UNREACHABLE =
  'Check the network and, for an emulator, STORAGE_EMULATOR_HOST=http://127.0.0.1:4443; then ask again.';

/** Checks of the pictures' place: its list, one picture, and a signed URL for it. `source`: `null` when none was given. */
export function sourceChecks(
  config: Config,
  probes: Probes,
  source: string | null,
  calledAs: string,
): Check[] {
  let opened: SourceProbe | null = null;
  const probe = (): SourceProbe => (opened ??= probes.openSource(source ?? ''));

  async function lookAtList(signal: AbortSignal): Promise<Finding> {
    if (source === null) {
      return skipped(
        'No source was given, so no pictures are looked for.',
        `Name one: \`${calledAs} doctor gs://city-cameras/2025-11-25/\`.`,
      );
    }
    try {
      const { pictures, skipped: passed } = await probe().list(signal);
      if (pictures > 0) return ok(`${source} can be listed and holds pictures.`);
      const rest = passed === 0 ? '' : ` (${plural(passed, 'other file')} passed over)`;
      return wrong(
        `${source} can be listed and holds no pictures${rest}.`,
        'Name the folder or prefix that holds JPEG, PNG or WebP pictures, for example gs://city-cameras/2025-11-25/.',
      );
    } catch (error) {
      return wrong(messageOf(error), sourceRemedy(error, source));
    }
  }

  async function lookAtPicture(signal: AbortSignal): Promise<Finding> {
    try {
      const { name, bytes, problem } = await probe().read(signal);
      if (problem === null) return ok(`${name} can be read (${bytes.toLocaleString('en-US')} bytes).`);
      return warn(
        `${name} can be read and cannot be asked about: ${problem}`,
        'A run records that and goes on; if all pictures are so, name another source.',
      );
    } catch (error) {
      return wrong(messageOf(error), sourceRemedy(error, source ?? ''));
    }
  }

  async function lookAtSigning(signal: AbortSignal): Promise<Finding> {
    const { sign } = probe();
    if (sign === null) return skipped('A folder has no URLs: its pictures are sent as base64.');
    if (config.route === 'base64') return skipped('Not wanted: IMAGE_ROUTE=base64 sends no URL.');
    const signed = await sign(signal);
    if (signed.as === 'signed') return ok('A URL can be signed, and is served.');
    if (signed.as === 'unsigned') {
      return wrong(
        signed.why,
        'Give the worker the key of a service account: GOOGLE_APPLICATION_CREDENTIALS=/etc/keys/worker.json. Or send ' +
          'the pictures themselves: IMAGE_ROUTE=base64.',
      );
    }
    return wrong(
      signed.why,
      `Give the account that signs the right to read: ${grant(source ?? '', 'objectViewer')}. Or send the pictures ` +
        'themselves: IMAGE_ROUTE=base64.',
    );
  }

  const remedy = source?.startsWith('gs://')
    ? UNREACHABLE
    : 'Check the disk, or the network that it is mounted over, and ask again.';
  return [
    { name: 'source', title: 'Source', needs: [], remedy, look: lookAtList },
    { name: 'picture', title: 'Picture', needs: ['source'], remedy, look: lookAtPicture },
    { name: 'signing', title: 'Signed URLs', needs: ['source'], remedy, look: lookAtSigning },
  ];
}

/** Checks of what a worker writes: the results place, and the answers that later runs recall. */
export function placeChecks(config: Config, probes: Probes): Check[] {
  const write =
    (write: () => Promise<void>, place: string, setting: string) => async (): Promise<Finding> => {
      try {
        await write();
        return ok(`${place} can be written, read and removed from.`);
      } catch (error) {
        return wrong(messageOf(error), placeRemedy(error, place, setting));
      }
    };
  const { results, answers } = config;
  // Below a results place that is not there, answers are told of once.
  const isInside = answers.startsWith(`${results}/`);
  const check = (
    name: string,
    title: string,
    needs: string[],
    setting: string,
    look: Check['look'],
  ): Check => ({
    name,
    title,
    needs,
    remedy: placeRemedy(null, name === 'results' ? results : answers, setting),
    look,
  });
  return [
    check('results', 'Results place', [], 'RESULTS', write(probes.writeResults, results, 'RESULTS')),
    check(
      'answers',
      'Answer store',
      isInside ? ['results'] : [],
      'ANSWERS',
      write(probes.writeAnswers, answers, 'ANSWERS'),
    ),
  ];
}

const kindOf = (error: unknown): string =>
  error instanceof Error && 'kind' in error && typeof error.kind === 'string' ? error.kind : '';

const bucketOf = (place: string): string => /^gs:\/\/[^/]+/.exec(place)?.[0] ?? place;

const grant = (place: string, role: string): string =>
  `\`gcloud storage buckets add-iam-policy-binding ${bucketOf(place)} ` +
  `--member=serviceAccount:worker@our-project.iam.gserviceaccount.com --role=roles/storage.${role}\``;

function sourceRemedy(error: unknown, source: string): string {
  const inBucket = source.startsWith('gs://');
  switch (kindOf(error)) {
    case 'invalid':
      return 'Name a folder, or a place in a bucket such as gs://city-cameras/2025-11-25/.';
    case 'missing':
      return inBucket
        ? `Correct the name, or make the bucket: \`gcloud storage buckets create ${bucketOf(source)}\`.`
        : 'Correct the path, for example ./pictures; the worker needs the folder at the same path.';
    case 'forbidden':
      return inBucket
        ? `Give the worker's account the right: ${grant(source, 'objectViewer')}.`
        : `Let the worker's user read it: \`chmod -R a+rX ${source}\`.`;
    default:
      return inBucket ? UNREACHABLE : 'Check the disk, or name another folder, for example ./pictures.';
  }
}

function placeRemedy(error: unknown, place: string, setting: string): string {
  const inBucket = place.startsWith('gs://');
  const other = inBucket
    ? `${setting}=gs://city-results/${setting.toLowerCase()}`
    : `${setting}=/srv/image-analysis`;
  switch (kindOf(error)) {
    case 'missing':
      return inBucket
        ? `Make the bucket: \`gcloud storage buckets create ${bucketOf(place)}\`, or name another: ${other}.`
        : `Make the folder, or name another: ${other}.`;
    case 'forbidden':
      return inBucket
        ? `Give the worker's account the right: ${grant(place, 'objectUser')}.`
        : `Let the worker's user write there, or name another place: ${other}.`;
    case 'full':
      return `Make room on its disk, or name another place: ${other}.`;
    case 'unreachable':
      return inBucket ? UNREACHABLE : `Check the disk, or name another place: ${other}.`;
    default:
      return `Name a place that can be written: ${other}.`;
  }
}
