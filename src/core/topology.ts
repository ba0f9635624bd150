/** What placement.topology asks for, as layers of domains in which to look for a place. */
import { TOPOLOGY_LABEL } from '../api/index.ts';
import type { TopologyRequest } from './model.ts';

/** A cut of the nodes into domains, each a part of a domain of the layer before. */
export interface Layer {
  readonly level: string;
  /** Nodes without the label cannot be used at all; else they make up a domain that is taken last. */
  readonly strict: boolean;
  /** Pods come to a domain in multiples of this. */
  readonly slice: number;
}

/** One way to look for a place. Depth 0 is all nodes, depth 1 the first layer. */
export interface Search {
  /** Widest first. */
  readonly layers: readonly Layer[];
  /** Depths at which one domain may hold the whole gang, in the order in which they are tried. */
  readonly within: readonly number[];
  /** Depth of the domains that should be few; 0: any number of them. */
  readonly few: number;
}

const WIDEST_FIRST = Object.keys(TOPOLOGY_LABEL);

/** A label of the user's own may cut across everything else. */
const named = (level: string): boolean => Object.hasOwn(TOPOLOGY_LABEL, level);

/** The node label of a level. */
export const labelOf = (level: string): string => (TOPOLOGY_LABEL as Readonly<Record<string, string>>)[level] ?? level;

const isWider = (a: string, b: string): boolean =>
  named(a) && named(b) && WIDEST_FIRST.indexOf(a) < WIDEST_FIRST.indexOf(b);

/** Ways to look, best first: with what is preferred, and, where that could cut slices in two, without. */
export function searchesOf(topology: TopologyRequest | undefined): readonly Search[] {
  if (topology === undefined) return [ANYWHERE];
  const { preferred, slices } = topology;
  const bound = boundOf(topology);
  const wishes = wishedLevels(topology);
  if (preferred === undefined || wishes.length === 0) return [bound];
  const last = bound.within[0] ?? 0;
  const layers = wishes.reduce((all: readonly Layer[], level) => withWish(all, level, last), bound.layers);
  const depthOf = (level: string): number => layers.findIndex((layer, i) => i >= last && layer.level === level) + 1;
  const within = [...wishes.reverse().map(depthOf), last];
  const wished = { layers, within, few: depthOf(preferred) };
  return slices.length === 0 ? [wished] : [wished, bound];
}

const ANYWHERE: Search = { layers: [], within: [0], few: 0 };

/** Only what is required. */
export function boundOf({ required, slices }: TopologyRequest): Search {
  const strict = (level: string, slice: number): Layer => ({ level, strict: true, slice });
  const whole = required === undefined ? [] : [strict(required, 1)];
  const layers = [...whole, ...slices.map((slice) => strict(slice.required, slice.size))];
  return { layers, within: [whole.length], few: 0 };
}

/** The preferred level and those to fall back on, as far as they are narrower than what is required; widest first. */
function wishedLevels({ required, preferred }: TopologyRequest): string[] {
  if (preferred === undefined || preferred === required) return [];
  if (!named(preferred)) return [preferred];
  return WIDEST_FIRST.filter(
    (level) =>
      (level === preferred || isWider(level, preferred)) &&
      (required === undefined || !named(required) || isWider(required, level)),
  );
}

/** Puts the level before narrower ones; slices of a label of the user's own count as narrower. */
function withWish(layers: readonly Layer[], level: string, from: number): readonly Layer[] {
  const rest = layers.slice(from);
  if (rest.some((layer) => layer.level === level)) return layers;
  const narrower = rest.findIndex((layer) => !isWider(layer.level, level));
  const at = narrower < 0 ? layers.length : from + narrower;
  return [...layers.slice(0, at), { level, strict: false, slice: 1 }, ...layers.slice(at)];
}

/** `one rack`, `one domain of label example.com/pod`. */
export const oneOf = (level: string): string =>
  named(level) ? `one ${level.toLowerCase()}` : `one domain of label ${level}`;

/** ` in one block, every 8 ranks in one rack`, to be put after a demand; empty: nothing is required. */
export function requirement({ required, slices }: TopologyRequest): string {
  const parts = slices.map((slice) => `, every ${slice.size} ranks in ${oneOf(slice.required)}`);
  return [...(required === undefined ? [] : [` in ${oneOf(required)}`]), ...parts].join('');
}
