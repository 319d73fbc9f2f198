import { z } from 'zod';

const dashboard = z.object({
  panels: z.array(
    z.object({
      type: z.string(),
      title: z.string(),
      targets: z.array(z.object({ expr: z.string(), refId: z.string() })).optional(),
    }),
  ),
});

export interface PanelQueries {
  title: string;
  queries: { expr: string; refId: string }[];
}

/** The queries of a Grafana dashboard's panels; a row is none. Throws where a panel asks nothing. */
export function panelsOf(json: string): PanelQueries[] {
  const { panels } = dashboard.parse(JSON.parse(json));
  return panels
    .filter(({ type }) => type !== 'row')
    .map(({ title, targets }) => {
      if (targets === undefined || targets.length === 0) throw new Error(`the panel ${title} asks nothing`);
      return { title, queries: targets };
    });
}
