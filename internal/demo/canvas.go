package demo

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// The colours of the demo's pictures.
var (
	ink    = rgb(0x10, 0x22, 0x38)
	paper  = rgb(0xf7, 0xf4, 0xec)
	grey   = rgb(0x8a, 0x93, 0x9c)
	faint  = rgb(0xdd, 0xd9, 0xcc)
	sea    = rgb(0xb9, 0xd7, 0xe4)
	deep   = rgb(0x6f, 0xa8, 0xc4)
	land   = rgb(0xe6, 0xdc, 0xbe)
	signal = rgb(0xd6, 0x45, 0x2f)
	lamp   = rgb(0xff, 0xc8, 0x57)
)

func rgb(r, g, b uint8) color.RGBA { return color.RGBA{r, g, b, 0xff} }

// point is a place on a canvas, in pixels from the top left.
type point struct{ x, y float32 }

// canvas draws smooth shapes and text.
type canvas struct{ *image.RGBA }

func newCanvas(w, h int, background color.Color) canvas {
	c := canvas{image.NewRGBA(image.Rect(0, 0, w, h))}
	draw.Draw(c, c.Bounds(), image.NewUniform(background), image.Point{}, draw.Src)
	return c
}

// gradient fills the rows from y0 to y1 with colours from a to b.
func (c canvas) gradient(y0, y1 int, a, b color.RGBA) {
	for y := y0; y < y1; y++ {
		t := float64(y-y0) / float64(y1-y0)
		row := image.Rect(0, y, c.Bounds().Dx(), y+1)
		draw.Draw(c, row, image.NewUniform(mix(a, b, t)), image.Point{}, draw.Src)
	}
}

func mix(a, b color.RGBA, t float64) color.RGBA {
	blend := func(p, q uint8) uint8 { return uint8(float64(p)*(1-t) + float64(q)*t) }
	return rgb(blend(a.R, b.R), blend(a.G, b.G), blend(a.B, b.B))
}

// polygon fills a closed shape. The rasteriser works on the shape's own box,
// not the whole canvas, which most shapes are small on.
func (c canvas) polygon(fill color.Color, points ...point) {
	box := boxOf(points).Intersect(c.Bounds())
	if box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	left, top := float32(box.Min.X), float32(box.Min.Y)
	r.MoveTo(points[0].x-left, points[0].y-top)
	for _, p := range points[1:] {
		r.LineTo(p.x-left, p.y-top)
	}
	r.ClosePath()
	r.Draw(c, box, image.NewUniform(fill), image.Point{})
}

func boxOf(points []point) image.Rectangle {
	low, high := points[0], points[0]
	for _, p := range points[1:] {
		low = point{min(low.x, p.x), min(low.y, p.y)}
		high = point{max(high.x, p.x), max(high.y, p.y)}
	}
	return image.Rect(int(low.x)-1, int(low.y)-1, int(high.x)+2, int(high.y)+2)
}

func (c canvas) rect(fill color.Color, x, y, w, h float32) {
	c.polygon(fill, point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
}

// circle is a polygon of enough corners to look round.
func (c canvas) circle(fill color.Color, center point, radius float32) {
	const corners = 48
	points := make([]point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		points[i] = point{center.x + radius*float32(cos), center.y + radius*float32(sin)}
	}
	c.polygon(fill, points...)
}

// line draws a path of the given width, with round joints.
func (c canvas) line(stroke color.Color, width float32, points ...point) {
	for i, b := range points[1:] {
		a := points[i]
		dx, dy := float64(b.x-a.x), float64(b.y-a.y)
		length := math.Hypot(dx, dy)
		if length == 0 {
			continue
		}
		nx, ny := float32(-dy/length)*width/2, float32(dx/length)*width/2
		c.polygon(stroke, point{a.x + nx, a.y + ny}, point{b.x + nx, b.y + ny}, point{b.x - nx, b.y - ny}, point{a.x - nx, a.y - ny})
		c.circle(stroke, b, width/2)
	}
}

// dashes draws a dotted way along the points.
func (c canvas) dashes(stroke color.Color, points ...point) {
	const gap, radius = 16, 3.5
	for i, b := range points[1:] {
		a := points[i]
		length := math.Hypot(float64(b.x-a.x), float64(b.y-a.y))
		for d := 0.0; d < length; d += gap {
			t := float32(d / length)
			c.circle(stroke, point{a.x + (b.x-a.x)*t, a.y + (b.y-a.y)*t}, radius)
		}
	}
}

var (
	regular = mustFont(goregular.TTF)
	bold    = mustFont(gobold.TTF)
)

// mustFont parses a font that is part of the program.
func mustFont(ttf []byte) *opentype.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err)
	}
	return f
}

// text writes s with its base line at p. align is 0 to begin, 0.5 to centre
// and 1 to end there.
func (c canvas) text(f *opentype.Font, size float64, fill color.Color, p point, align float64, s string) {
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // only for sizes that are not positive
	}
	d := font.Drawer{Dst: c, Src: image.NewUniform(fill), Face: face}
	width := float64(d.MeasureString(s)) / 64
	d.Dot = fixed.Point26_6{X: fixed.Int26_6((float64(p.x) - width*align) * 64), Y: fixed.Int26_6(p.y * 64)}
	d.DrawString(s)
}
