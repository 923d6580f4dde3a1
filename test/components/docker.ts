import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';

const PULL_MS_MAX = 8 * 60_000;
const ASK_MS_MAX = 10_000;

let engine: { readonly isRootless: boolean } | null | undefined;

/** True where a Docker engine of this very Linux answers: its containers share the machine's network, ports and folders. */
export function dockerAnswers(): boolean {
  return theEngine() !== null;
}

function theEngine() {
  if (engine !== undefined) return engine;
  engine = null;
  const isElsewhere = /^(tcp|ssh|https?):/.test(process.env.DOCKER_HOST ?? '');
  if (process.platform === 'linux' && !isElsewhere) {
    const format = '{{.OSType}} {{.OperatingSystem}} {{.SecurityOptions}}';
    const asked = spawnSync('docker', ['info', '--format', format], { encoding: 'utf8', timeout: ASK_MS_MAX });
    // Docker Desktop's engine is in a machine of its own.
    const isOurs = asked.status === 0 && asked.stdout.startsWith('linux') && !asked.stdout.includes('Docker Desktop');
    if (isOurs) engine = { isRootless: /rootless/.test(asked.stdout) };
  }
  return engine;
}

export function hasImage(image: string): boolean {
  return spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore', timeout: ASK_MS_MAX }).status === 0;
}

export function pullImage(image: string): boolean {
  const { status } = spawnSync('docker', ['pull', '--quiet', image], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: PULL_MS_MAX,
  });
  return status === 0;
}

/** The command that runs a program of the image on the machine's network, with `dir` at its own path, as this user. */
export function dockerRun(options: {
  readonly image: string;
  readonly name: string;
  readonly dir: string;
  readonly env: { readonly [name: string]: string };
  readonly command: readonly [string, ...string[]];
}): string[] {
  const { uid, gid } = userInfo();
  const [program, ...args] = options.command;
  // versitygw's image has its program outside of the path.
  const path = 'PATH=/app:/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return [
    ...[
      'docker',
      'run',
      '--rm',
      '--name',
      options.name,
      '--network',
      'host',
      '--volume',
      `${options.dir}:${options.dir}`,
    ],
    // A rootless engine's root is this user already.
    ...(theEngine()?.isRootless === true ? ['--user', '0:0'] : ['--user', `${uid}:${gid}`]),
    ...[path, ...Object.entries(options.env).map(([name, value]) => `${name}=${value}`)].flatMap((set) => [
      '--env',
      set,
    ]),
    ...['--entrypoint', program, options.image, ...args],
  ];
}
