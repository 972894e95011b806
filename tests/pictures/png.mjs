// Pictures made small, and looked at: how many colours are in one says whether there is anything on it.
import sharp from 'sharp';

/** Colours that are kept. Pages are text on plain ground: more are not told apart. */
const COLOURS = 40;

/** The picture with few colours: a third of the bytes, and nobody sees it. */
export const shrunk = (png) => sharp(png).png({ palette: true, colours: COLOURS, effort: 7, compressionLevel: 9, dither: 0 }).toBuffer();

/** What there is to say of a picture: `{ width, height, colours }`, the last counted up to 40. */
export async function looked(png) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const seen = new Set();
  for (let at = 0; at < data.length && seen.size < COLOURS; at += info.channels) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
  return { width: info.width, height: info.height, colours: seen.size };
}
