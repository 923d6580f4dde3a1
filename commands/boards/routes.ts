import type { CommandRoute } from '#handling/routes.ts';

export const boardRoutes: readonly CommandRoute[] = [
  {
    method: 'PUT',
    path: '/v1/boards/{board}',
    command: 'CreateBoard',
    summary: 'Create a board',
    creates: true,
  },
  {
    method: 'PUT',
    path: '/v1/boards/{board}/pixels/{x}/{y}',
    command: 'PlacePixel',
    summary: 'Place a pixel',
    integers: ['x', 'y'],
  },
];
