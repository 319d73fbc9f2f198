/** The six questions that the simulator understands; ids as in `prompts.yaml`. */
export const QUESTION_IDS = [
  'crowd-detection',
  'no-parking-violation',
  'garbage-detection',
  'pothole-detection',
  'traffic-congestion',
  'wrong-way-driving',
] as const;

export type QuestionId = (typeof QUESTION_IDS)[number];

/** Words that tell a question; each occurrence counts, so that a passing mention of another subject does not decide. */
const KEYWORDS: Record<QuestionId, RegExp> = {
  'crowd-detection': /\bcrowd\w*|\bpeople\b|\bpersons?\b|\bpedestrians?\b|\bgathering\w*/gi,
  'no-parking-violation': /\bno[- ]parking\b|\bpark(?:ed|ing)\b|\btow[- ]away\b/gi,
  'garbage-detection': /\bgarbage\b|\btrash\b|\blitter\w*|\brubbish\b|\bwaste\b|\bdump\w*|\bbags?\b/gi,
  'pothole-detection': /\bpot-?holes?\b|\broad damage\b|\bholes?\b|\bcraters?\b/gi,
  'traffic-congestion': /\bcongest\w*|\btraffic jams?\b|\bqueu\w*|\bjammed\b|\bstandstill\b|\btailbacks?\b/gi,
  'wrong-way-driving':
    /\bwrong[- ]way\b|\bwrong[- ](?:side|direction|driving)\b|\bagainst the (?:\w+ )*(?:flow|traffic|direction)\b|\boncoming\b/gi,
};

/** Which of the six is asked, from the question's text alone; `null` when no keyword occurs. */
export function questionOf(text: string): QuestionId | null {
  let best: QuestionId | null = null;
  let most = 0;
  for (const id of QUESTION_IDS) {
    const hits = text.match(KEYWORDS[id])?.length ?? 0;
    if (hits > most) [best, most] = [id, hits];
  }
  return best;
}
