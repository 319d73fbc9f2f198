import type { ModelAnswer } from '../shared/types.ts';
import { QUESTION_IDS, type QuestionId } from './questions.ts';
import { draw, pick } from './random.ts';
import type { Scene } from './scene.ts';

/** From how many people on a picture is a crowd; as the question in `prompts.yaml` says. */
const CROWD_FROM = 10;
/** From how many vehicles in its lanes a road is congested; as the question says. */
const CONGESTED_FROM = 10;
/** The share of answers about a scene that contradict it, by plan. */
const WRONG_SHARE = 1 / 12;

export interface Looked {
  answer: ModelAnswer;
  /** It contradicts the picture, by plan. */
  wrong: boolean;
}

/** What identifies one look: the seed, the picture's content and the question. */
export interface Look {
  seed: number;
  sha256: string;
  question: QuestionId | null;
  questionText: string;
}

/**
 * The answer to a question about a picture: from its scene where it has one, otherwise made up from the hash of
 * picture and question, so that the same call is always answered alike. Descriptions begin with "Simulated: ".
 */
export function answerOf(scene: Scene | null, look: Look): Looked {
  const key = [look.seed, look.sha256, look.question ?? look.questionText] as const;
  const question = look.question ?? pick(QUESTION_IDS, ...key, 'topic');
  const subject = SUBJECTS[question];
  if (scene === null || look.question === null) {
    const count = draw(...key, 'match') < 0.4 ? subject.from + Math.floor(draw(...key, 'count') * 6) : 0;
    return { answer: spoken(subject, count, null, key), wrong: false };
  }
  const truth = subject.countIn(scene);
  const wrong = draw(...key, 'wrong') < WRONG_SHARE;
  const match = truth >= subject.from;
  const told = !wrong ? truth : match ? 0 : subject.from + Math.floor(draw(...key, 'count') * 3);
  return { answer: spoken(subject, told, scene, key), wrong };
}

/** An invented answer of a model that never saw the picture. */
export function inventedAnswer(look: Omit<Look, 'sha256'>): ModelAnswer {
  return answerOf(null, { ...look, sha256: 'not seen' }).answer;
}

interface Subject {
  /** From which count on the answer is a match. */
  from: number;
  countIn: (scene: Scene) => number;
  /** Sentences for a match, with the counted things in place of `#`. */
  found: [string, ...string[]];
  /** Sentences for none, and for some but too few to match. */
  none: [string, ...string[]];
  few?: string;
  one: string;
  many: string;
}

const SUBJECTS: Record<QuestionId, Subject> = {
  'crowd-detection': {
    from: CROWD_FROM,
    countIn: (scene) => scene.people,
    found: [
      'A crowd of # has gathered on and beside the road.',
      'There is a dense group of # near the kerb.',
    ],
    none: ['No people can be seen on the road or the pavements.', 'The pavements are empty.'],
    few: 'Only # can be seen, moving freely. That is not a crowd.',
    one: 'person',
    many: 'people',
  },
  'no-parking-violation': {
    from: 1,
    countIn: (scene) => scene.parkedInNoParking,
    found: [
      '# stands at the kerb beside a no-parking sign.',
      'Below the no-parking sign, # is left at the kerb.',
    ],
    none: ['No vehicle is parked where a sign forbids it.', 'The kerb in the no-parking zone is free.'],
    one: 'vehicle',
    many: 'vehicles',
  },
  'garbage-detection': {
    from: 1,
    countIn: (scene) => scene.garbageBags + scene.garbageHeaps,
    found: [
      'Garbage is left by the road: # in view.',
      'At the edge of the pavement garbage has been left, # in all.',
    ],
    none: ['The road and the pavements are clean.', 'No garbage can be seen.'],
    one: 'bag or heap',
    many: 'bags and heaps',
  },
  'pothole-detection': {
    from: 1,
    countIn: (scene) => scene.potholes,
    found: [
      'The surface of the road is broken: # in view.',
      'In the lanes the asphalt has given way, with # in view.',
    ],
    none: ['The surface of the road looks whole.', 'No hole can be seen in the asphalt.'],
    one: 'pothole',
    many: 'potholes',
  },
  'traffic-congestion': {
    from: CONGESTED_FROM,
    countIn: (scene) => scene.vehicles,
    found: ['Traffic is dense: # stand close behind each other.', 'The lanes are full, with # queueing.'],
    none: ['The lanes are empty.', 'No vehicle is on the road.'],
    few: 'Traffic flows freely, with # in the lanes.',
    one: 'vehicle',
    many: 'vehicles',
  },
  'wrong-way-driving': {
    from: 1,
    countIn: (scene) => scene.wrongWay,
    found: [
      'In the left lanes # comes towards the camera, against the direction of traffic.',
      'Against the traffic of its lane drives #.',
    ],
    none: ['All vehicles keep to the direction of their lanes.', 'No vehicle drives against the traffic.'],
    one: 'vehicle',
    many: 'vehicles',
  },
};

function spoken(
  subject: Subject,
  count: number,
  scene: Scene | null,
  key: readonly (string | number)[],
): ModelAnswer {
  const match = count >= subject.from;
  const things = `${count} ${count === 1 ? subject.one : subject.many}`;
  const sentence = match
    ? pick(subject.found, ...key, 'words')
    : count > 0 && subject.few !== undefined
      ? subject.few
      : pick(subject.none, ...key, 'words');
  const place = scene === null ? '' : ` The camera looks at ${scene.place}.`;
  return { match, count, description: `Simulated: ${sentence.replace('#', things)}${place}` };
}
