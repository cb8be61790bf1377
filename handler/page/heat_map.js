// Which part of an image spoke for a class, drawn over it.

let explained = explanations !== address; // and until the server says that its model gives no explanations

// Asks for the explanation of a class, and returns it, or nothing where there are none.
async function explain(file, classId) {
  return (await ask(file, classId, "application/json", (document) => Array.isArray(document?.grid)))?.document;
}

// Asks for the image with what spoke for a class over it, as the server shows it.
async function explainAsPicture(file, classId) {
  const isPicture = (_, blob) => blob.type === "image/png";
  const picture = (await ask(file, classId, "image/png", isPicture))?.blob;
  return picture && { class_id: classId, picture };
}

async function ask(file, classId, accept, isExpected) {
  if (!explained) {
    return undefined;
  }
  try {
    const ofClass = classId === undefined ? {} : { "X-Class": String(classId) };
    return await send(explanations, file, isExpected, { Accept: accept, ...ofClass });
  } catch (refused) {
    explained = refused.type !== "/problems/no-explanations" && refused.status !== 404;
    if (explained) {
      throw refused;
    }
    return undefined;
  }
}

// Violet to yellow, from what spoke a little for the class to what spoke most; the rest of the image stays clear.
const COLOURS = [[68, 28, 130], [190, 40, 120], [250, 120, 60], [255, 225, 110]];

function colour(heat) {
  const place = heat * (COLOURS.length - 1);
  const index = Math.min(Math.floor(place), COLOURS.length - 2);
  const mixed = COLOURS[index].map((from, channel) => from + (COLOURS[index + 1][channel] - from) * (place - index));
  return [...mixed, 255 * Math.min(1, heat * 1.6)];
}

const SIDE = 224; // pixels of the drawing; the browser scales it

// Draws an explanation on a canvas, and lays it over the part of the image that the network saw.
function drawHeatMap(canvas, explanation) {
  const { grid, region, width, height } = explanation;
  const most = Math.max(0, ...grid.flat());
  const rows = grid.length;
  const columns = grid[0].length;
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(SIDE, SIDE);
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) {
      const heat = most && between(grid, ((y + 0.5) / SIDE) * rows - 0.5, ((x + 0.5) / SIDE) * columns - 0.5) / most;
      pixels.data.set(colour(Math.min(1, heat)), 4 * (y * SIDE + x));
    }
  }
  context.putImageData(pixels, 0, 0);
  const share = (part, whole) => `${(100 * part) / whole}%`;
  canvas.style.left = share(region.left, width);
  canvas.style.top = share(region.top, height);
  canvas.style.width = share(region.width, width);
  canvas.style.height = share(region.height, height);
  canvas.hidden = false;
}

// The bilinear mean of the four cells around a place, each at least 0.
function between(grid, row, column) {
  const top = Math.floor(row);
  const left = Math.floor(column);
  const cell = (y, x) => {
    const line = grid[Math.min(Math.max(y, 0), grid.length - 1)];
    return Math.max(0, line[Math.min(Math.max(x, 0), line.length - 1)]);
  };
  const across = (y) => cell(y, left) + (cell(y, left + 1) - cell(y, left)) * (column - left);
  return across(top) + (across(top + 1) - across(top)) * (row - top);
}
