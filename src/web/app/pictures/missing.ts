import type { PictureDetail } from '../../api.ts';

/** Questions of a picture that failed; of these, those that the model declined; and those not asked yet. */
export function missingOf(answers: PictureDetail['answers']): {
  failed: number;
  refused: number;
  unasked: number;
} {
  let [failed, refused, unasked] = [0, 0, 0];
  for (const { outcome } of answers) {
    if (outcome === null) unasked++;
    else if (!outcome.ok) {
      failed++;
      if (outcome.failure.kind === 'Refused') refused++;
    }
  }
  return { failed, refused, unasked };
}

/** A picture in words, for those who cannot see it: its name and what matched. */
export function detailWords({ name, answers }: Pick<PictureDetail, 'name' | 'answers'>): string {
  const matches = answers.flatMap(({ prompt, outcome }) =>
    outcome?.ok === true && outcome.result.match ? [`${prompt.name}: ${outcome.result.count}`] : [],
  );
  const { failed, unasked } = missingOf(answers);
  const said = [
    ...matches,
    ...(failed > 0 ? [`${failed} without an answer`] : []),
    ...(unasked > 0 ? [`${unasked} not asked yet`] : []),
  ];
  return `${name}, ${said.length === 0 ? 'no match' : said.join(', ')}`;
}
