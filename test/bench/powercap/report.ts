import {
  boundsOfFrontiers,
  type CapRule,
  DEFAULT_CAP_RULE,
  learnedRule,
  type PowerBounds,
  ruledCap,
} from '../../../src/core/power/cap-rule.ts';
import {
  drawOf,
  type Effect,
  effectAt,
  type Frontier,
  mean,
  meanByModel,
  readFrontiers,
} from '../../../src/core/power/frontier.ts';

export interface RuleReport extends Effect {
  /** Smallest and largest share of the draw that a model got; once where they are equal. */
  readonly sharePermille: readonly number[];
  readonly meanCapWatts: number;
  readonly byWorkload: Effect;
  readonly byModel: Readonly<Record<string, Effect & { readonly meanCapWatts: number }>>;
}

export interface BoardReport {
  readonly defaultWatts: number;
  readonly workloads: number;
  readonly models: number;
  readonly default: RuleReport;
  readonly learned: RuleReport;
}

/** @throws BadFrontier */
export function reportOf(csv: string): BoardReport {
  const frontiers = readFrontiers(csv);
  const models = [...new Set(frontiers.map(({ model }) => model))];
  const board = boundsOfFrontiers(frontiers);
  const others = new Map(models.map((model) => [model, frontiers.filter((one) => one.model !== model)]));
  const learned = new Map([...others].map(([model, known]) => [model, ruleFrom(known, board)]));
  return {
    defaultWatts: board.defaultWatts,
    workloads: frontiers.length,
    models: models.length,
    default: ruleReport(frontiers, board, () => DEFAULT_CAP_RULE),
    learned: ruleReport(frontiers, board, ({ model }) => learned.get(model) ?? DEFAULT_CAP_RULE),
  };
}

/** With one model in the file, nothing is known of the board by others. */
const ruleFrom = (known: readonly Frontier[], board: PowerBounds): CapRule =>
  known.length === 0 ? DEFAULT_CAP_RULE : learnedRule(known, board);

function ruleReport(
  frontiers: readonly Frontier[],
  board: PowerBounds,
  ruleOf: (frontier: Frontier) => CapRule,
): RuleReport {
  const capOf = (one: Frontier): number => ruledCap(ruleOf(one), drawOf(one), board);
  const effects = frontiers.map((one) => effectAt(one, capOf(one)));
  const shares = frontiers.map((one) => ruleOf(one).sharePermille);
  return {
    sharePermille: [...new Set([Math.min(...shares), Math.max(...shares)])],
    meanCapWatts: mean(frontiers.map(capOf)),
    ...meanByModel(frontiers, (one) => effectAt(one, capOf(one))),
    byWorkload: {
      saved: mean(effects.map(({ saved }) => saved)),
      slowdown: mean(effects.map(({ slowdown }) => slowdown)),
    },
    byModel: Object.fromEntries(
      [...Map.groupBy(frontiers, ({ model }) => model)].map(([model, workloads]) => {
        const effect = meanByModel(workloads, (one) => effectAt(one, capOf(one)));
        return [model, { meanCapWatts: mean(workloads.map(capOf)), ...effect }];
      }),
    ),
  };
}
