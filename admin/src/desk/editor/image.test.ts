import { expect, test } from 'vitest'
import { fit } from './image'
import { findImages, mediaURL } from './markdown/images'

test.each([
  [4032, 3024, 2560, 1920], [3024, 4032, 1920, 2560], [800, 600, 800, 600], [2560, 2560, 2560, 2560], [20_000, 3, 2560, 1],
])('%i x %i fits as %i x %i', (width, height, w, h) => {
  expect(fit(width, height)).toEqual({ width: w, height: h })
})

test('images of a text', () => {
  const text = 'a ![one \\] 1](media:ab) b\n\n![](https://x.example/y.png "say \\"hi\\"")'
  expect(findImages(text)).toMatchObject([
    { src: 'media:ab', alt: 'one ] 1', caption: '' },
    { src: 'https://x.example/y.png', alt: '', caption: 'say "hi"' },
  ])
  expect(text.slice(findImages(text)[0]!.start, findImages(text)[0]!.end)).toBe('![one \\] 1](media:ab)')
  expect(mediaURL('media:ab', 400)).toBe('/media/ab/400')
})
