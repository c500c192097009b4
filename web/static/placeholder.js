// A ThumbHash drawn behind a picture until the picture is there. ThumbHash is by Evan Wallace,
// https://evanw.github.io/thumbhash/ (MIT licence); this is its decoder for opaque pictures.

const SIDE = 16; // pixels that are drawn; the browser smooths them

export function drawPlaceholder(picture) {
  let colours;
  try {
    colours = decode(Uint8Array.from(atob(picture.dataset.hash), (each) => each.charCodeAt(0)));
  } catch {
    return; // the plain colour stays
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.ariaHidden = "true";
  canvas.getContext("2d").putImageData(new ImageData(colours, SIDE, SIDE), 0, 0);
  picture.before(canvas);
}

function decode(hash) {
  const header = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const more = hash[3] | (hash[4] << 8);
  if (header >> 23) throw new RangeError("a hash with transparency, which thumbnails have not");
  const isWide = more >> 15;
  const across = Math.max(3, isWide ? 7 : more & 7);
  const down = Math.max(3, isWide ? more & 7 : 7);
  let position = 0;
  const waves = (width, height, scale) => {
    const factors = [];
    for (let y = 0; y < height; y++)
      for (let x = y ? 0 : 1; x * height < width * (height - y); x++, position++)
        factors.push((((hash[5 + (position >> 1)] >> ((position & 1) << 2)) & 15) / 7.5 - 1) * scale);
    return factors;
  };
  const l = { constant: (header & 63) / 63, width: across, height: down, factors: waves(across, down, ((header >> 18) & 31) / 31) };
  const p = { constant: ((header >> 6) & 63) / 31.5 - 1, width: 3, height: 3, factors: waves(3, 3, (((more >> 3) & 63) / 63) * 1.25) };
  const q = { constant: ((header >> 12) & 63) / 31.5 - 1, width: 3, height: 3, factors: waves(3, 3, (((more >> 9) & 63) / 63) * 1.25) };
  const colours = new Uint8ClampedArray(SIDE * SIDE * 4);
  for (let y = 0, at = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++, at += 4) {
      const [light, yellow, red] = [l, p, q].map((each) => value(each, x, y));
      const blue = light - (2 / 3) * yellow;
      const warm = (3 * light - blue + red) / 2;
      colours.set([warm, warm - red, blue, 1].map((each) => 255 * Math.min(1, Math.max(0, each))), at);
    }
  return colours;
}

function value(channel, x, y) {
  let sum = channel.constant;
  let number = 0;
  for (let v = 0; v < channel.height; v++) {
    const factor = 2 * Math.cos((Math.PI / SIDE) * (y + 0.5) * v);
    for (let u = v ? 0 : 1; u * channel.height < channel.width * (channel.height - v); u++, number++)
      sum += channel.factors[number] * Math.cos((Math.PI / SIDE) * (x + 0.5) * u) * factor;
  }
  return sum;
}
