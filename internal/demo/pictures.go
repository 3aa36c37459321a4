package demo

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// crew is one of the eight in the final.
type crew struct {
	name  string
	color color.RGBA
}

var crews = map[string]crew{
	"merrow":  {"Merrow Town", rgb(0x1d, 0x4e, 0x89)},
	"skerry":  {"Skerry Point", rgb(0x5a, 0x6b, 0x3b)},
	"aldwa":   {"Aldwater", rgb(0xd6, 0x45, 0x2f)},
	"qasr":    {"Qasr al-Bahr", rgb(0x0f, 0x7b, 0x6c)},
	"tsukimi": {"Tsukimi Bay", rgb(0x7b, 0x4b, 0x94)},
	"kfar":    {"Kfar Yam", rgb(0x2b, 0x8c, 0xbe)},
	"vester":  {"Vesterhavn", rgb(0xb0, 0x2e, 0x4c)},
	"velame":  {"Porto Velame", rgb(0xe0, 0x8e, 0x1b)},
}

// result is a line of a scoreboard.
type result struct {
	crew  string // key of crews
	time  string
	score string
}

// scoreboard draws the lines of a table, best first.
func scoreboard(title, unit string, results []result) func() image.Image {
	return func() image.Image {
		const top, row = 200, 84
		c := newCanvas(1600, top+row*len(results)+70, ink)
		c.rect(signal, 0, 0, 1600, 14)
		c.text(bold, 60, paper, point{70, 112}, 0, title)
		c.text(regular, 28, grey, point{70, 160}, 0, "Lantern Cup, Port Merrow")
		c.text(regular, 28, grey, point{1530, 160}, 1, unit)
		for i, r := range results {
			c.scoreRow(float32(top+row*i), i, r)
		}
		return c.RGBA
	}
}

func (c canvas) scoreRow(y float32, i int, r result) {
	if i%2 == 0 {
		c.rect(mix(ink, paper, 0.07), 50, y, 1500, 84)
	}
	who := crews[r.crew]
	c.text(bold, 38, lamp, point{118, y + 56}, 1, fmt.Sprint(i+1))
	c.rect(who.color, 150, y+20, 44, 44)
	c.text(bold, 40, paper, point{222, y + 56}, 0, who.name)
	c.text(regular, 40, paper, point{1220, y + 56}, 1, r.time)
	c.text(bold, 40, lamp, point{1520, y + 56}, 1, r.score)
}

// courseMap draws the harbour with the way of the three legs.
func courseMap() image.Image {
	c := newCanvas(1600, 1000, sea)
	c.gradient(0, 1000, deep, sea)
	c.polygon(land, point{0, 640}, point{250, 600}, point{470, 690}, point{640, 660}, point{760, 760}, point{900, 800}, point{1010, 1000}, point{0, 1000})
	c.polygon(land, point{0, 0}, point{620, 0}, point{560, 120}, point{400, 190}, point{330, 330}, point{180, 380}, point{0, 350})
	c.polygon(land, point{1180, 1000}, point{1230, 860}, point{1390, 800}, point{1600, 830}, point{1600, 1000})
	c.polygon(land, point{1270, 290}, point{1320, 250}, point{1380, 270}, point{1390, 330}, point{1330, 360}, point{1280, 345})
	narrows := []point{{180, 500}, {420, 470}, {640, 420}}
	light := []point{{640, 420}, {900, 330}, {1180, 200}, {1410, 170}, {1490, 320}, {1380, 450}, {1080, 540}, {800, 560}}
	mile := []point{{800, 560}, {1000, 680}, {1110, 860}}
	c.dashes(ink, narrows...)
	c.dashes(rgb(0x0f, 0x7b, 0x6c), light...)
	c.dashes(signal, mile...)
	for _, b := range []point{narrows[0], light[0], light[4], mile[0], mile[2]} {
		c.circle(paper, b, 15)
		c.circle(signal, b, 10)
	}
	c.circle(lamp, point{1330, 300}, 24)
	for _, l := range []struct {
		at   point
		text string
	}{{point{60, 560}, "Start: Narrows Bridge"}, {point{330, 440}, "Leg 1"}, {point{900, 400}, "Leg 2"}, {point{1235, 238}, "Outer Light"}, {point{1050, 650}, "The Lantern Mile"}, {point{760, 930}, "Town Quay"}} {
		c.text(bold, 32, ink, l.at, 0, l.text)
	}
	c.text(bold, 54, ink, point{60, 80}, 0, "Port Merrow harbour")
	c.text(regular, 28, ink, point{60, 124}, 0, "Three legs, 8.6 km, one tide")
	return c.RGBA
}

// gaps is how many seconds behind the leader each crew was at the marks of leg 2.
var gaps = map[string][]float64{
	"qasr": {2, 0, 0, 0, 0}, "tsukimi": {4, 3, 2, 3, 1.8}, "merrow": {0, 1, 3, 5, 4.2}, "aldwa": {6, 9, 8, 7, 6.1},
	"kfar": {5, 7, 9, 12, 13}, "velame": {3, 6, 14, 19, 22}, "skerry": {7, 8, 13, 21, 24}, "vester": {8, 13, 19, 26, 31},
}

// gapChart draws gaps as lines.
func gapChart() image.Image {
	c := newCanvas(1600, 940, paper)
	c.text(bold, 50, ink, point{70, 96}, 0, "Leg 2: seconds behind the leader")
	marks := []string{"Bridge", "Cold Rock", "Outer Light", "Gull Buoy", "Quay"}
	at := func(i int, gap float64) point { return point{150 + float32(i)*270, 170 + float32(gap)*20} }
	for gap := 0.0; gap <= 30; gap += 5 {
		c.line(faint, 2, at(0, gap), at(4, gap))
		c.text(regular, 26, grey, point{130, at(0, gap).y + 9}, 1, fmt.Sprint(gap))
	}
	for i, m := range marks {
		c.text(regular, 28, ink, point{at(i, 0).x, 870}, 0.5, m)
	}
	for _, key := range []string{"vester", "skerry", "velame", "kfar", "aldwa", "merrow", "tsukimi", "qasr"} {
		var path []point
		for i, gap := range gaps[key] {
			path = append(path, at(i, gap))
		}
		c.line(crews[key].color, 7, path...)
		c.circle(crews[key].color, path[4], 11)
		c.text(bold, 28, crews[key].color, point{path[4].x + 24, path[4].y + 10}, 0, crews[key].name)
	}
	return c.RGBA
}

// tideCurve draws the height of the water over the evening.
func tideCurve() image.Image {
	c := newCanvas(1400, 760, paper)
	c.text(bold, 46, ink, point{60, 86}, 0, "Tide at Town Quay, metres")
	at := func(hour float64) point {
		height := 3.1 + 2.3*math.Sin((hour-15.4)/12.4*2*math.Pi)
		return point{float32(120 + (hour-14)*150), float32(640 - height*85)}
	}
	area := []point{{120, 640}}
	for hour := 14.0; hour <= 22; hour += 0.1 {
		area = append(area, at(hour))
	}
	c.polygon(sea, append(area, point{area[len(area)-1].x, 640})...)
	c.line(deep, 6, area[1:]...)
	for hour := 14; hour <= 22; hour += 2 {
		c.text(regular, 28, grey, point{at(float64(hour)).x, 700}, 0.5, fmt.Sprintf("%d:00", hour))
	}
	c.rect(mix(paper, signal, 0.25), at(18).x, 130, at(19.5).x-at(18).x, 510)
	c.text(bold, 28, signal, point{at(18.75).x, 170}, 0.5, "the final")
	c.line(signal, 4, at(18), at(18.5), at(19), at(19.5))
	return c.RGBA
}

// lanternNight draws the fleet at dusk, each boat with its lantern.
func lanternNight() image.Image {
	c := newCanvas(1600, 900, ink)
	c.gradient(0, 520, rgb(0x16, 0x1d, 0x3f), rgb(0xe0, 0x7a, 0x4f))
	c.gradient(520, 900, rgb(0x8a, 0x4c, 0x4c), rgb(0x0b, 0x14, 0x2a))
	c.polygon(rgb(0x14, 0x1a, 0x30), point{0, 520}, point{0, 430}, point{210, 455}, point{380, 400}, point{560, 470}, point{760, 500}, point{900, 520})
	c.polygon(rgb(0x14, 0x1a, 0x30), point{1500, 520}, point{1510, 250}, point{1535, 250}, point{1545, 520})
	c.circle(lamp, point{1522, 238}, 20)
	random := rand.New(rand.NewPCG(48, 1)) // the same picture each time
	for range 90 {
		c.circle(paper, point{random.Float32() * 1600, random.Float32() * 260}, 1+random.Float32())
	}
	for i := range 8 {
		c.boat(point{120 + float32(i)*185 + random.Float32()*50, 560 + random.Float32()*220}, 0.8+random.Float32()*0.5, random)
	}
	return c.RGBA
}

func (c canvas) boat(at point, scale float32, random *rand.Rand) {
	dark := rgb(0x0a, 0x0f, 0x1e)
	for i := range 14 { // the lantern's light on the water
		wide := scale * (26 - float32(i)*1.3) * (0.5 + random.Float32())
		c.rect(mix(lamp, dark, 0.25+float64(i)*0.05), at.x-wide/2, at.y+20*scale+float32(i)*9*scale, wide, 3*scale)
	}
	c.polygon(dark, point{at.x - 80*scale, at.y}, point{at.x + 80*scale, at.y}, point{at.x + 58*scale, at.y + 20*scale}, point{at.x - 60*scale, at.y + 20*scale})
	for i := range 6 {
		x := at.x + (float32(i)*20-50)*scale
		c.circle(dark, point{x, at.y - 12*scale}, 8*scale)
		c.line(dark, 2.5*scale, point{x, at.y}, point{x - 26*scale, at.y + 34*scale})
	}
	c.line(dark, 3*scale, point{at.x + 66*scale, at.y}, point{at.x + 66*scale, at.y - 44*scale})
	c.circle(mix(lamp, dark, 0.55), point{at.x + 66*scale, at.y - 50*scale}, 20*scale)
	c.circle(lamp, point{at.x + 66*scale, at.y - 50*scale}, 11*scale)
}
