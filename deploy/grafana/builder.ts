/** What of Grafana's dashboard model these dashboards use: plain objects, in the form that Grafana itself exports. */

export interface Query {
  readonly expr: string;
  readonly legend?: string;
  /** Only the present value, as a table or a single number needs it. */
  readonly instant?: boolean;
}

type PanelType = 'timeseries' | 'stat' | 'table' | 'bargauge' | 'geomap';

export interface PanelOptions {
  readonly title: string;
  readonly description: string;
  readonly queries: readonly Query[];
  /** One of Grafana's units, such as `s`, `kwatth` or `percentunit`. */
  readonly unit?: string;
  /** Of 24 columns; default 12. */
  readonly width?: number;
  readonly height?: number;
  /** From which values on which colour; the first counts from the lowest value. */
  readonly thresholds?: readonly (readonly [from: number | null, color: string])[];
  /** Words for values, such as 0 and 1. */
  readonly words?: Readonly<Record<string, readonly [text: string, color: string]>>;
  readonly stacked?: boolean;
  /** Tables: headings of columns, and columns that are not shown. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Maps: the columns that place a marker, name it and colour it. */
  readonly map?: {
    readonly latitude: string;
    readonly longitude: string;
    readonly name: string;
    readonly color: string;
  };
}

export interface Panel extends PanelOptions {
  readonly type: PanelType;
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** A family and one of its labels, whose values are offered. */
  readonly family: string;
  readonly of: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  /** Headings, and the panels below each. */
  readonly rows: readonly (readonly [heading: string, panels: readonly Panel[]])[];
}

export const timeseries = (options: PanelOptions): Panel => ({ type: 'timeseries', ...options });
export const stat = (options: PanelOptions): Panel => ({ type: 'stat', width: 4, height: 4, ...options });
export const bars = (options: PanelOptions): Panel => ({ type: 'bargauge', ...options });
/** A map of the world with a marker for each row of the table that its queries make. */
export const geomap = (options: PanelOptions & Required<Pick<PanelOptions, 'map' | 'columns'>>): Panel => ({
  type: 'geomap',
  width: 24,
  height: 12,
  ...options,
});
export const table = (options: PanelOptions): Panel => ({ type: 'table', width: 24, ...options });

const GRID = 24;
const TAG = 'aidc';
const SOURCE = { type: 'prometheus', uid: `\${datasource}` };

/** The model as Grafana reads it from a file. */
export function grafanaModel(dashboard: Dashboard): object {
  const { uid, title, description, variables, rows } = dashboard;
  return {
    uid,
    title,
    description,
    tags: [TAG],
    schemaVersion: 39,
    // The files are made by `npm run gen`: what is saved over them in Grafana would be lost with the next release.
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    annotations: { list: [] },
    links: [{ type: 'dashboards', title: 'aidc', tags: [TAG], asDropdown: true, keepTime: true, includeVars: true }],
    templating: { list: [sourceVariable(), ...variables.map(variableModel)] },
    panels: laidOut(rows),
  };
}

const sourceVariable = (): object => ({
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  refresh: 1,
  hide: 0,
});

const variableModel = ({ name, label, family, of }: Variable): object => ({
  name,
  label,
  type: 'query',
  datasource: SOURCE,
  query: { query: `label_values(${family}, ${of})`, refId: name },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { selected: true, text: ['All'], value: ['$__all'] },
});

/** Panels from left to right, in lines as high as their highest. */
function laidOut(rows: Dashboard['rows']): object[] {
  const out: object[] = [];
  let y = 0;
  for (const [heading, panels] of rows) {
    const id = out.length + 1;
    out.push({ id, type: 'row', title: heading, collapsed: false, gridPos: { x: 0, y, w: GRID, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const panel of panels) {
      const { width: w = 12, height: h = 8 } = panel;
      if (x + w > GRID) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      out.push(panelModel(panel, out.length + 1, { x, y, w, h }));
      x += w;
      lineHeight = Math.max(lineHeight, h);
    }
    y += lineHeight;
  }
  return out;
}

function panelModel(panel: Panel, id: number, gridPos: object): object {
  const { type, title, description, queries, unit = 'none', columns } = panel;
  return {
    id,
    type,
    title,
    description,
    datasource: SOURCE,
    gridPos,
    targets: queries.map(({ expr, legend, instant = type !== 'timeseries' }, at) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + at),
      datasource: SOURCE,
      expr,
      legendFormat: legend ?? '__auto',
      instant,
      range: !instant,
      format: type === 'table' || type === 'geomap' ? 'table' : 'time_series',
    })),
    fieldConfig: {
      defaults: { unit, min: 0, ...custom(panel), ...mappings(panel), thresholds: thresholds(panel) },
      overrides: [],
    },
    options: { ...OPTIONS[type], ...layers(panel) },
    ...(columns === undefined ? {} : { transformations: columnsOf(columns) }),
  };
}

const OPTIONS: Readonly<Record<PanelType, object>> = {
  timeseries: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  stat: { colorMode: 'value', graphMode: 'none', textMode: 'auto', reduceOptions: { calcs: ['lastNotNull'] } },
  bargauge: { orientation: 'horizontal', displayMode: 'basic', reduceOptions: { calcs: ['lastNotNull'] } },
  table: { showHeader: true, cellHeight: 'sm' },
  geomap: {
    view: { id: 'fit', lat: 0, lon: 0, zoom: 4, allLayers: true },
    basemap: { type: 'default', name: 'Basemap', config: {} },
    controls: { showZoom: true, mouseWheelZoom: false, showAttribution: true, showScale: false, showDebug: false },
    tooltip: { mode: 'details' },
  },
};

function layers({ map }: Panel): object {
  if (map === undefined) return {};
  const { latitude, longitude, name, color } = map;
  const style = {
    size: { fixed: 12, min: 2, max: 15 },
    color: { field: color, fixed: 'green' },
    opacity: 0.7,
    symbol: { fixed: 'img/icons/marker/circle.svg', mode: 'fixed' },
    text: { field: name, fixed: '', mode: 'field' },
    textConfig: { fontSize: 12, offsetX: 0, offsetY: 18, textAlign: 'center', textBaseline: 'middle' },
  };
  const location = { mode: 'coords', latitude, longitude };
  return {
    layers: [{ type: 'markers', name: 'Clusters', location, tooltip: true, config: { showLegend: true, style } }],
  };
}

function custom({ type, stacked = false }: Panel): object {
  if (type !== 'timeseries') return {};
  const stacking = { mode: stacked ? 'normal' : 'none', group: 'A' };
  return { custom: { lineWidth: 1, fillOpacity: stacked ? 30 : 10, showPoints: 'never', stacking } };
}

function mappings({ words }: Panel): object {
  if (words === undefined) return {};
  const options = Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]);
  return { mappings: [{ type: 'value', options: Object.fromEntries(options) }] };
}

const thresholds = ({ thresholds: steps = [[null, 'green']] }: Panel): object => ({
  mode: 'absolute',
  steps: steps.map(([value, color]) => ({ color, value })),
});

/** Several queries become one row a label set; what is not named is hidden. */
function columnsOf(columns: Readonly<Record<string, string>>): object[] {
  const names = Object.keys(columns);
  return [
    { id: 'merge', options: {} },
    {
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
        renameByName: columns,
      },
    },
  ];
}
