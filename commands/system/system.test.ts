import { test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { system } from './domain.ts';

const { given } = specify(system, ({ data }) => `projection-${data.projection}`);
const copy = (generation: number, version = 1) => ({ projection: 'photos', version, generation });

test('a rebuilt copy is promoted', () => {
  given()
    .when('PromoteProjection', copy(2))
    .then(happened('ProjectionPromoted', copy(2)));
  given(happened('ProjectionPromoted', copy(2)))
    .when('PromoteProjection', copy(3))
    .then(happened('ProjectionPromoted', copy(3)));
  given(happened('ProjectionPromoted', copy(5)))
    .when('PromoteProjection', copy(2, 2))
    .then(happened('ProjectionPromoted', copy(2, 2)));
});

test('again changes nothing', () => {
  given(happened('ProjectionPromoted', copy(2)))
    .when('PromoteProjection', copy(2))
    .thenNothing();
});

test('an earlier copy than the promoted one is refused', () => {
  const past = given(happened('ProjectionPromoted', copy(3, 2)));
  past.when('PromoteProjection', copy(2, 2)).thenRefused('projection.superseded');
  past.when('PromoteProjection', copy(9, 1)).thenRefused('projection.superseded');
});

test('the first copy needs no promotion, and only an admin promotes', () => {
  given().when('PromoteProjection', copy(1)).thenRefused('request.invalid');
  given()
    .when('PromoteProjection', copy(2), { as: { role: 'account', account: 'acme', actor: 'account:acme' } })
    .thenRefused('auth.forbidden');
});
