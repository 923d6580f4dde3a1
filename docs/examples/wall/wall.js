// Served at http://{dapp}.localhost:8080/ the API is one label up; at /dapps/{dapp}/ it is on the same host.
const shared = location.pathname.startsWith('/dapps/');
const host = shared ? location.host : location.host.slice(location.host.indexOf('.') + 1);
const board = new URLSearchParams(location.search).get('board') ?? 'demo';
const api = `${location.protocol}//${host}/v1/boards/${encodeURIComponent(board)}`;

const picture = document.getElementById('board');
const source = document.getElementById('source');
source.href = api;

async function show() {
  const answer = await fetch(`${api}.png`).catch(() => null);
  if (!answer?.ok) {
    document.getElementById('what').textContent = `There is no picture of the board "${board}".`;
    return;
  }
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(await answer.blob());
}

show();
setInterval(show, 3000);
