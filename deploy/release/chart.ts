/** What a published chart says otherwise than the one of the repository, which knows no address of anything. */

/** Stands in values.yaml and Chart.yaml where a release has its own registry. */
export const PLACEHOLDER = 'registry.example.com/aidc-operator';

export interface Published {
  /** Address of the image, without tag. */
  readonly image: string;
  /** sha256:... of the image's list of platforms; empty: the tag of the version. */
  readonly digest: string;
  /** URL of the repository, or empty. */
  readonly source: string;
  /** The section of CHANGELOG.md. */
  readonly changes: string;
}

export interface Change {
  readonly kind: string;
  readonly description: string;
}

/** The text below `## VERSION - DATE`. @throws Error if there is no such section */
export function changelogSection(changelog: string, version: string): { readonly date: string; readonly text: string } {
  const sections = changelog.split(/^## /m).slice(1);
  const found = sections.find((section) => section.startsWith(`${version} - `));
  if (found === undefined) throw new Error(`CHANGELOG.md has no section "## ${version} - DATE"`);
  const [heading = '', ...lines] = found.split('\n');
  return { date: heading.slice(`${version} - `.length).trim(), text: lines.join('\n') };
}

/** Its items, as Artifact Hub lists them. Headings are those of Keep a Changelog, and **Breaking**. */
export function changesOf(section: string): Change[] {
  return section
    .split(/^### /m)
    .slice(1)
    .flatMap((part) => {
      const [heading = '', ...lines] = part.split('\n');
      // Artifact Hub has no kind of its own for what breaks.
      const kind = heading.trim() === 'Breaking' ? 'changed' : heading.trim().toLowerCase();
      const items = lines.join('\n').split(/^- /m).slice(1);
      return items.map((item) => ({ kind, description: item.replaceAll(/\s+/g, ' ').trim() }));
    });
}

/** @param text values.yaml of the repository */
export const publishedValues = (text: string, { image, digest }: Published): string =>
  replaced(replaced(text, `repository: ${PLACEHOLDER}`, `repository: ${image}`), 'digest: ""', `digest: "${digest}"`);

/** @param text Chart.yaml of the repository */
export function publishedChart(text: string, { image, source, changes }: Published): string {
  const listed = changesOf(changes).map(({ kind, description }) => `    - ${JSON.stringify({ kind, description })}\n`);
  const link = source === '' ? '' : `  artifacthub.io/links: |\n    - {name: source, url: "${source}"}\n`;
  const annotations = `${link}  artifacthub.io/changes: |\n${listed.join('')}`;
  const about = source === '' ? '' : `home: ${source}\nsources: [${source}]\n`;
  const ofImage = replaced(text, PLACEHOLDER, image);
  return replaced(ofImage, 'annotations:\n', `${about}annotations:\n${annotations}`);
}

function replaced(text: string, old: string, by: string): string {
  if (text.split(old).length !== 2) throw new Error(`the chart must have ${old.trim()} once`);
  return text.replace(old, () => by);
}
