import type { ComponentChildren } from 'preact';
import { NONE, type PictureQuery, type PictureSort } from '../../../shared/picture-query.ts';
import type { PicturePage } from '../../api.ts';
import { civilDay } from '../format.ts';
import { useNarrow } from '../hooks.ts';
import { Field, SearchField, Select } from '../ui/field.tsx';
import { aboutPrompt, changed, countTyped, SORTS } from './filter.ts';
import { hourName } from './heat.ts';
import { FAILURE_KINDS, kindWords, type PromptName } from './shown-answers.ts';

/** More cameras than this are typed, not chosen from a list. */
const LISTED = 200;

const ANY = { value: '', text: 'Any' };
const UNTOLD = { value: NONE, text: 'Not in the name' };

export interface FiltersProps {
  query: PictureQuery;
  prompts: PromptName[];
  /** `null` until they are known. */
  facts: Pick<PicturePage, 'cameras' | 'days'> | null;
  /** Number of conditions that hold. */
  active: number;
  /** `replace`: a step on the way to what is meant, none to go back to. */
  onChange: (query: PictureQuery, how?: { replace: boolean }) => void;
}

/** Which pictures, and in which order. On a phone all but the text is folded away. */
export function Filters(props: FiltersProps) {
  const { query, onChange, active } = props;
  const narrow = useNarrow();
  return (
    <search class="filters">
      <SearchField
        label="Text in names and descriptions"
        value={query.text ?? ''}
        onChange={(text) =>
          onChange(changed(query, { text: text === '' ? undefined : text }), { replace: true })
        }
      />
      {narrow ? (
        <details>
          <summary>Filter and order{active > 0 && ` (${active})`}</summary>
          <Choices {...props} />
        </details>
      ) : (
        <Choices {...props} />
      )}
    </search>
  );
}

function Choices({ query, prompts, facts, onChange }: FiltersProps) {
  const set = (change: Parameters<typeof changed>[1]): void => onChange(changed(query, change));
  const given = (value: string): string | undefined => (value === '' ? undefined : value);
  return (
    <div class="filter-fields">
      <Select
        label="Question"
        value={query.prompt ?? ''}
        options={[
          { ...ANY, text: 'Any question' },
          ...prompts.map(({ id, name }) => ({ value: id, text: name })),
        ]}
        onChange={(value) => onChange(aboutPrompt(query, given(value)))}
      />
      <Select
        label="Answer"
        value={query.match ?? ''}
        options={[ANY, { value: 'yes', text: 'Match' }, { value: 'no', text: 'No match' }]}
        onChange={(value) =>
          set({
            match: given(value) as PictureQuery['match'],
            ...(value === 'yes' ? {} : { count: undefined }),
          })
        }
      />
      <Field label="Count at least">
        {(id) => (
          <input
            id={id}
            class="input"
            type="number"
            min={1}
            step={1}
            inputMode="numeric"
            value={query.count ?? ''}
            onChange={({ currentTarget }) => set({ count: countTyped(currentTarget.value) })}
          />
        )}
      </Field>
      <Select
        label="No answer"
        value={query.error ?? ''}
        options={[
          ANY,
          { value: 'any', text: 'For any error' },
          { value: 'unasked', text: 'Not asked yet' },
          ...FAILURE_KINDS.map((kind) => ({ value: kind, text: capital(kindWords(kind)) })),
        ]}
        onChange={(value) => set({ error: given(value) as PictureQuery['error'] })}
      />
      <Camera cameras={facts?.cameras ?? []} value={query.camera} onChange={(camera) => set({ camera })} />
      <Select
        label="Day"
        value={query.day ?? ''}
        options={[
          ANY,
          ...withChosen(facts?.days ?? [], query.day).map((day) => ({ value: day, text: civilDay(day) })),
          UNTOLD,
        ]}
        onChange={(value) => set({ day: given(value) })}
      />
      <Select
        label="Hour"
        value={query.hour === undefined ? '' : String(query.hour)}
        options={[
          ANY,
          ...Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), text: hourName(hour) })),
          UNTOLD,
        ]}
        onChange={(value) => set({ hour: value === '' ? undefined : value === NONE ? NONE : Number(value) })}
      />
      <Select
        label="Order"
        value={query.sort ?? 'name'}
        options={SORTS.map(({ sort, words }) => ({ value: sort, text: words }))}
        onChange={(value) => set({ sort: value === 'name' ? undefined : (value as PictureSort) })}
      />
    </div>
  );
}

function Camera(props: {
  cameras: string[];
  value: string | undefined;
  onChange: (camera?: string) => void;
}) {
  const tell = (value: string): void => props.onChange(value === '' ? undefined : value);
  if (props.cameras.length <= LISTED) {
    const options = withChosen(props.cameras, props.value).map((camera) => ({ value: camera, text: camera }));
    return (
      <Select label="Camera" value={props.value ?? ''} options={[ANY, ...options, UNTOLD]} onChange={tell} />
    );
  }
  return (
    <Field label="Camera">
      {(id): ComponentChildren => (
        <>
          <input
            id={id}
            class="input"
            list={`${id}-list`}
            value={props.value ?? ''}
            onChange={({ currentTarget }) => tell(currentTarget.value.trim())}
          />
          <datalist id={`${id}-list`}>
            <option value={NONE}>{UNTOLD.text}</option>
            {props.cameras.slice(0, 2000).map((camera) => (
              <option key={camera} value={camera} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

/** What was chosen can be seen and taken back also when the run has no such thing. */
const withChosen = (known: string[], chosen: string | undefined): string[] =>
  chosen === undefined || chosen === NONE || known.includes(chosen) ? known : [chosen, ...known];

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
