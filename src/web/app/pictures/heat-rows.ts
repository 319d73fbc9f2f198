import { NONE, type PictureQuery } from '../../../shared/picture-query.ts';
import type { Summary } from '../../api.ts';
import { civilDay } from '../format.ts';
import { changed } from './filter.ts';
import { hourName, type HeatRow } from './heat.ts';

/**
 * The three heat tables of a summary, each row with the way to the pictures behind it.
 *
 * @param query of the pictures that are summed up
 * @param addressOf address of the pictures that a query finds
 */
export function heatRows(
  query: PictureQuery,
  summary: Pick<Summary, 'cameras' | 'hours' | 'days'>,
  addressOf: (query: PictureQuery) => string,
): Record<'cameras' | 'hours' | 'days', HeatRow[]> {
  const hrefs = (own: PictureQuery) => (prompt: string | null) =>
    addressOf(
      changed(query, {
        ...own,
        ...(prompt !== null && { prompt, match: 'yes', count: undefined, error: undefined }),
      }),
    );
  return {
    cameras: summary.cameras.map(({ camera, ...row }) => ({
      ...row,
      key: camera ?? '',
      label: camera ?? 'No camera in the name',
      hrefOf: hrefs({ camera: camera ?? NONE }),
    })),
    hours: summary.hours.map(({ hour, ...row }) => ({
      ...row,
      key: String(hour),
      label: hour === null ? 'No time in the name' : hourName(hour),
      hrefOf: hrefs({ hour: hour ?? NONE }),
    })),
    days: summary.days.map(({ day, ...row }) => ({
      ...row,
      key: day ?? '',
      label: day === null ? 'No day in the name' : civilDay(day),
      hrefOf: hrefs({ day: day ?? NONE }),
    })),
  };
}
