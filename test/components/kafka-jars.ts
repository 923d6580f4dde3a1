import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './cache.ts';

const KAFKA = '4.3.1';
/** Without a binding of its log, readiness could not be read from it. */
const LOG4J = '2.25.4';
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const FETCH_MS_MAX = 8 * 60_000;

/** Apache Kafka's own jars and what they need, from Maven Central. */
export const KAFKA_JARS = join(CACHE, `kafka-${KAFKA}`);

export function hasKafkaJars(): boolean {
  return existsSync(KAFKA_JARS);
}

/** Fetches the jars, 44 MB. False when Maven failed; it has said why. */
export function fetchKafkaJars(): boolean {
  mkdirSync(CACHE, { recursive: true });
  const dir = mkdtempSync(`${KAFKA_JARS}-`);
  try {
    writeFileSync(join(dir, 'pom.xml'), pom());
    const libs = join(dir, 'libs');
    const goal = [`${PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', `-DoutputDirectory=${libs}`];
    const { status } = spawnSync('mvn', ['--quiet', '--batch-mode', ...goal], {
      cwd: dir,
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: FETCH_MS_MAX,
    });
    if (status !== 0) return false;
    // Whole or not at all: an interrupted run leaves no half of them.
    if (!hasKafkaJars()) renameSync(libs, KAFKA_JARS);
    return true;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function pom(): string {
  const dependencies = [
    ['org.apache.kafka', 'kafka_2.13', KAFKA],
    ['org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J],
  ].map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>strata</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}
