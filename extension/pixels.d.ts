// The list that is made of groups/pixels.toml when the extension is packed.
declare module '*/pixels.json' {
  const pixels: { function: string; platforms: string[] }[];
  export default pixels;
}
