import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { parsePosition } from '#events/position.ts';
import type { AuditProgress, AuditReport, Check } from '#src/audit/report.ts';
import { isStrataError } from '../../errors.ts';
import { CliFailure, usage } from '../failure.ts';
import type { OpenSession } from '../program.ts';
import { formatCount, formatDuration, Progress } from '../progress.ts';
import { paint, type Terminal } from '../terminal.ts';
import { configOf } from './backup.ts';

type Options = {
  readonly data?: string;
  readonly checkpoint?: readonly string[];
  readonly verifier?: string;
  readonly event?: readonly string[];
  readonly save?: string;
};

/** `strata audit`. */
export function auditCommand(open: OpenSession): Command {
  const each = (value: string, before: readonly string[] = []) => [...before, value];
  return new Command('audit')
    .description(
      "check a data folder, beside the running server or without one: the log's tree and its signed\n" +
        "checkpoints, every domain's invariants, blobs against their hashes, projections against a replay",
    )
    .option('--data <folder>', 'the data folder (default: as the server is configured, STRATA_DATA_DIR)')
    .option('--checkpoint <file>', 'a checkpoint kept earlier, from which the log must go on (may be repeated)', each)
    .option('--verifier <key>', 'the key that checkpoints must be signed with, as /v1/log/key told it, or its file')
    .option('--event <position>', 'prove that this event is in the tree (may be repeated)', each)
    .option('--save <file>', 'when all is well, keep the last signed checkpoint here, for a later --checkpoint')
    .action(async (options: Options, command: Command) => {
      const { terminal, json } = open(command);
      // Loaded only here: no other command needs what reads data folders.
      const [{ audit }, { readCheckpoint }, { parseVerifier }, { lastSigned }] = await Promise.all([
        import('#src/audit/audit.ts'),
        import('#src/audit/tree-checks.ts'),
        import('#log/transparency/signed-note.ts'),
        import('#log/transparency/checkpoint-signer.ts'),
      ]);
      const config = configOf(terminal, options.data);
      if (!existsSync(config.log.dir))
        throw usage(`there is no log in ${config.log.dir}: name the data folder with --data`);
      const saved = (options.checkpoint ?? []).map((name) => {
        return { name, checkpoint: asked(`--checkpoint ${name}`, () => readCheckpoint(readFileSync(name, 'utf8'))) };
      });
      const { verifier } = options;
      const events = (options.event ?? []).map((token) =>
        asked(`--event ${token}`, () => parsePosition(token).offsets[0]!),
      );
      const progress = new Progress(terminal);
      let report: AuditReport;
      try {
        report = await audit({
          config,
          saved,
          events,
          ...(verifier === undefined ? {} : { verifier: asked('--verifier', () => parseVerifier(textOf(verifier))) }),
          scratchDir: tmpdir(),
          onProgress: (at) => progress.update(() => progressLine(at)),
        });
      } finally {
        progress.clear();
      }
      terminal.out(json ? `${JSON.stringify(report)}\n` : describeReport(terminal, report));
      if (!report.ok) {
        throw new CliFailure(
          `${report.checks.filter(({ ok }) => !ok).length} of ${report.checks.length} checks failed`,
        );
      }
      const signed = options.save === undefined ? null : lastSigned(config.tree.dir);
      if (options.save !== undefined && signed === null)
        throw new CliFailure('nothing was signed yet, so nothing is kept');
      if (options.save !== undefined && signed !== null) writeFileSync(options.save, signed.note);
    });
}

/** A file's first line, or the text itself where it names none: no verifier key is a path. */
function textOf(verifier: string): string {
  return verifier.includes('+') ? verifier : readFileSync(verifier, 'utf8').trim();
}

/** What an option names. @throws CliFailure, exit code 2, where it cannot be read. */
function asked<Value>(option: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (isStrataError(error) || (error instanceof Error && 'code' in error)) throw usage(`${option}: ${error.message}`);
    throw error;
  }
}

const PHASES: { readonly [phase in AuditProgress['phase']]: string } = {
  events: 'reading events',
  blobs: 'hashing blobs',
  projections: 'replaying projections',
  tree: 'hashing the tree',
};

function progressLine({ phase, done, total }: AuditProgress): string {
  const share = total === null || total === 0 ? '' : ` of ${formatCount(total)} (${Math.floor((done / total) * 100)}%)`;
  return `${PHASES[phase]}: ${formatCount(done)}${share}`;
}

function describeReport(terminal: Terminal, { log, checks, ok, seconds }: AuditReport): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.map((check) => describeCheck(terminal, check, width));
  const word = ok ? paint(terminal, 'green', 'all of it holds') : paint(terminal, 'red', 'something is wrong');
  const which = log === null ? '' : `log ${log.id} at position ${log.position}\n`;
  return `${which}${lines.join('')}${word}, told in ${formatDuration(seconds)}\n`;
}

function describeCheck(terminal: Terminal, { name, ok, detail, findings, found }: Check, width: number): string {
  const mark = ok ? paint(terminal, 'green', '✓') : paint(terminal, 'red', '✗');
  const told = findings.map((finding) => `      ${paint(terminal, 'red', finding)}\n`).join('');
  const rest = found > findings.length ? `      and ${formatCount(found - findings.length)} more\n` : '';
  return `  ${mark} ${name.padEnd(width)}  ${paint(terminal, 'dim', detail)}\n${told}${rest}`;
}
