const longest = 2560
const quality = 0.85
/** Files below this size, in bytes, are sent as they are when their sides are short enough. */
const smallEnough = 500_000

/** The size that fits into a square of `longest`, never larger than the original. */
export function fit(width: number, height: number, side = longest): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/**
 * Makes a photo small before it is sent: a phone in a stadium has a thin line.
 * Returns the file itself where there is nothing to gain, for animations, and
 * for what this browser cannot decode; the server decides about those.
 */
export async function shrink(file: File): Promise<Blob> {
  if (file.type === 'image/gif' || file.type === 'image/svg+xml') return file
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' })
  } catch {
    return file
  }
  try {
    const size = fit(bitmap.width, bitmap.height)
    if (size.width === bitmap.width && file.size < smallEnough) return file
    const blob = await draw(bitmap, size, file.type)
    return blob && blob.size < file.size ? blob : file
  } finally {
    bitmap.close()
  }
}

function draw(bitmap: ImageBitmap, size: { width: number; height: number }, type: string): Promise<Blob | null> {
  const canvas = Object.assign(document.createElement('canvas'), size)
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, size.width, size.height)
  // Screenshots have sharp edges and maybe transparency: they stay PNG.
  const target = type === 'image/png' ? 'image/png' : 'image/jpeg'
  return new Promise((resolve) => canvas.toBlob(resolve, target, quality))
}

/** The image files of a paste or drop. */
export function imagesOf(data: DataTransfer | null): File[] {
  return Array.from(data?.files ?? []).filter((f) => f.type.startsWith('image/'))
}
