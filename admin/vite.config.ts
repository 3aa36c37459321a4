import { readFileSync } from 'node:fs'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** Copies the two files of Swagger UI that the page in public/docs loads. */
function swaggerFiles(): Plugin {
  return {
    name: 'swagger-files',
    apply: 'build',
    generateBundle() {
      for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css']) {
        const source = readFileSync(new URL(`./node_modules/swagger-ui-dist/${name}`, import.meta.url))
        this.emitFile({ type: 'asset', fileName: `docs/${name}`, source })
      }
    },
  }
}

export default defineConfig({
  base: '/admin/',
  plugins: [svelte(), swaggerFiles()],
  build: {
    target: 'es2022',
    // A data: URL would need a hole in the content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
  server: {
    fs: { allow: ['.', '../web/follow.js'] },
    proxy: { '/api': 'http://127.0.0.1:8080', '/media': 'http://127.0.0.1:8080', '/b': 'http://127.0.0.1:8080' },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
