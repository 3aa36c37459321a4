package e2e

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"dateline/internal/proof/pgtest"
)

// smuggled stands in files for what must not be in the picture that readers get.
const smuggled = "<script>alert('smuggled')</script>"

// traces are what would tell that something of an upload came through.
var traces = []string{"smuggled", "script", "<svg", "<?", "%PDF", "PK\x03\x04", "Exif", "ICC_PROFILE", "tEXt", "NETSCAPE", "Adobe"}

// file is an upload, with what the client says of it.
type file struct {
	data       []byte
	name, kind string
	status     int
}

func tinyPicture() *image.Paletted {
	m := image.NewPaletted(image.Rect(0, 0, 40, 30), palette.Plan9)
	for i := range m.Pix {
		m.Pix[i] = uint8(i * 7)
	}
	return m
}

func encodedBy(encode func(*bytes.Buffer) error) []byte {
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		panic(err) // of a picture that is one
	}
	return b.Bytes()
}

func tinyJPEG() []byte {
	return encodedBy(func(b *bytes.Buffer) error { return jpeg.Encode(b, tinyPicture(), nil) })
}
func tinyPNG() []byte {
	return encodedBy(func(b *bytes.Buffer) error { return png.Encode(b, tinyPicture()) })
}
func tinyGIF() []byte {
	return encodedBy(func(b *bytes.Buffer) error { return gif.Encode(b, tinyPicture(), nil) })
}

func zipped(text []byte) []byte {
	return encodedBy(func(b *bytes.Buffer) error {
		z := zlib.NewWriter(b)
		if _, err := z.Write(text); err != nil {
			return err
		}
		return z.Close()
	})
}

// jpegWith puts a segment behind the start.
func jpegWith(marker byte, content string) []byte {
	data := tinyJPEG()
	segment := append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(content)+2)), content...)
	return slices.Concat(data[:2], segment, data[2:])
}

func pngChunk(name string, content []byte) []byte {
	be := binary.BigEndian
	body := append([]byte(name), content...)
	return be.AppendUint32(append(be.AppendUint32(nil, uint32(len(content))), body...), crc32.ChecksumIEEE(body))
}

// pngWith puts a chunk behind the header.
func pngWith(name string, content []byte) []byte {
	data := tinyPNG()
	return slices.Concat(data[:33], pngChunk(name, content), data[33:])
}

// pngOfSize declares a size, and holds as many bytes as are given, packed.
func pngOfSize(w, h uint32, depth, kind byte, pixels []byte) []byte {
	be := binary.BigEndian
	header := append(be.AppendUint32(be.AppendUint32(nil, w), h), depth, kind, 0, 0, 0)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", header), pngChunk("IDAT", zipped(pixels)), pngChunk("IEND", nil))
}

// gifWith puts an extension before the picture, behind the colours of all.
func gifWith(label byte, content string) []byte {
	data := tinyGIF()
	start := 13 + 3<<(data[10]&7+1)
	extension := append([]byte{0x21, label, byte(len(content))}, content...)
	return slices.Concat(data[:start], append(extension, 0), data[start:])
}

// exif is a TIFF of a camera held upside down in a place that is nobody's business.
func exif() string {
	be := binary.BigEndian
	tiff := be.AppendUint16([]byte("MM\x00\x2a\x00\x00\x00\x08"), 2)
	tiff = append(be.AppendUint16(be.AppendUint32(be.AppendUint32(tiff, 0x01120003), 1), 3), 0, 0)
	tiff = be.AppendUint32(be.AppendUint32(be.AppendUint32(tiff, 0x88250004), 1), 38)
	tiff = be.AppendUint32(tiff, 0)
	tiff = be.AppendUint16(tiff, 1)
	tiff = append(be.AppendUint32(be.AppendUint32(tiff, 0x00010002), 2), "N\x00\x00\x00"...)
	return string(be.AppendUint32(tiff, 0)) + smuggled
}

// polyglots are pictures that are something else besides, and are taken.
func polyglots() map[string]file {
	zip := "PK\x03\x04\x14\x00" + smuggled + "PK\x05\x06" + strings.Repeat("\x00", 18)
	bomb := zipped(make([]byte, 32<<20))
	many := &gif.GIF{}
	for range 500 {
		many.Image, many.Delay = append(many.Image, tinyPicture()), append(many.Delay, 0)
	}
	all := map[string]file{}
	for name, data := range map[string][]byte{
		"JPEG": tinyJPEG(), "PNG": tinyPNG(), "GIF": tinyGIF(),
		"JPEG and HTML": append(tinyJPEG(), "<html>"+smuggled...), "JPEG and ZIP": append(tinyJPEG(), zip...), "JPEG and PDF": append(tinyJPEG(), "%PDF-1.7 "+smuggled...), "JPEG and PHP": append(tinyJPEG(), "<?php /*"+smuggled...),
		"JPEG with a comment": jpegWith(0xfe, smuggled), "JPEG with a comment that begins a script": jpegWith(0xfe, "*/=alert('smuggled')/*"), "JPEG with Exif": jpegWith(0xe1, "Exif\x00\x00"+exif()), "JPEG with XMP": jpegWith(0xe1, "http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+smuggled),
		"JPEG with a profile": jpegWith(0xe2, "ICC_PROFILE\x00\x01\x01"+smuggled), "JPEG with IPTC": jpegWith(0xed, "Photoshop 3.0\x008BIM"+smuggled), "JPEG with broken Exif": jpegWith(0xe1, "Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff"+smuggled), "JPEG with endless Exif": jpegWith(0xe1, "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\xff\xff"+strings.Repeat("\x01\x12\x00\x03\x00\x00\x00\x01\x00\x03\x00\x00", 4000)),
		"PNG with text": pngWith("tEXt", []byte("Comment\x00"+smuggled)), "PNG with packed text": pngWith("zTXt", slices.Concat([]byte("Comment\x00\x00"), zipped([]byte(smuggled)))), "PNG with text in many tongues": pngWith("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"+smuggled)), "PNG with Exif": pngWith("eXIf", []byte(exif())),
		"PNG with a bomb for a profile": pngWith("iCCP", slices.Concat([]byte("icc\x00\x00"), bomb)), "PNG with a bomb for text": pngWith("zTXt", slices.Concat([]byte("Raw profile type exif\x00\x00"), bomb)), "PNG with a bomb for IPTC": pngWith("zTXt", slices.Concat([]byte("Raw profile type iptc\x00\x00"), bomb)), "PNG with a chunk of our own": pngWith("smUg", []byte(smuggled)),
		"PNG and HTML": append(tinyPNG(), smuggled...), "PNG and ZIP": append(tinyPNG(), zip...), "PNG and SVG": append(tinyPNG(), "<svg onload=alert('smuggled')>"...),
		"GIF with a comment": gifWith(0xfe, smuggled), "GIF with an application": gifWith(0xff, "NETSCAPE2.0"), "GIF with text": gifWith(0x01, "12345678"+"smug"), "GIF and script": append(tinyGIF(), "*/=1;alert('smuggled')//"...), "GIF of 500 frames": encodedBy(func(b *bytes.Buffer) error { return gif.EncodeAll(b, many) }),
	} {
		all[name] = file{data, "x.jpg", "image/jpeg", http.StatusCreated}
	}
	for _, called := range []string{"x.svg image/svg+xml", "x.html text/html", "../../../etc/passwd application/x-php", "x.php%00.jpg text/html", strings.Repeat("a", 300) + ".js text/javascript", `x".html;y="z.jpg text/html`} {
		name, kind, _ := strings.Cut(called, " ")
		all["PNG called "+name] = file{tinyPNG(), name, kind, http.StatusCreated}
	}
	return all
}

// notPictures are no pictures, or none that we know, whatever they are called.
func notPictures() map[string]file {
	all := map[string]file{}
	for name, text := range map[string]string{
		"SVG": `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "SVG with a declaration": `<?xml version="1.0"?><svg/>`, "SVG behind a byte order mark": "\ufeff<svg/>", "SVG behind spaces": "  \n<svg/>", "SVG packed": "\x1f\x8b\x08\x00\x00\x00\x00\x00", "HTML": "<!DOCTYPE html>" + smuggled, "HTML in UTF-16": "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00",
		"XML": "<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "PDF": "%PDF-1.7", "ZIP": "PK\x03\x04", "BMP": "BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00", "TIFF": "II*\x00\x08\x00\x00\x00", "TIFF, big end first": "MM\x00*\x00\x00\x00\x08", "BigTIFF": "II+\x00\x08\x00\x00\x00", "AVIF": "\x00\x00\x00\x20ftypavif\x00\x00\x00\x00", "HEIC": "\x00\x00\x00\x18ftypheic", "icon": "\x00\x00\x01\x00\x01\x00",
		"PSD": "8BPS\x00\x01", "JPEG 2000": "\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG XL": "\xff\x0a\xfa\x7f", "JPEG XL in a box": "\x00\x00\x00\x0cJXL \r\n\x87\n", "Flash": "CWS\x09", "film": "\x00\x00\x00\x18ftypmp42", "WebM": "\x1aE\xdf\xa3", "WASM": "\x00asm\x01\x00\x00\x00", "ELF": "\x7fELF\x02\x01\x01", "EXE": "MZ\x90\x00", "shell": "#!/bin/sh\ncurl evil\n", "script": "alert(1)", "style": "*{}", "JSON": "{}", "sound": "RIFF\x10\x00\x00\x00WAVEfmt ", "EPS": "%!PS-Adobe-3.0", "ImageMagick": "push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/x'\n", "text": "hello", "one byte": "\xff", "two bytes": "\xff\xd8",
		"JPEG that is HTML": "\xff\xd8\xff<html>" + smuggled, "PNG that is HTML": "\x89PNG\r\n\x1a\n<html>" + smuggled, "WebP that is HTML": "RIFF\x10\x00\x00\x00WEBP<html>", "PNG behind a space": " " + string(tinyPNG()), "MPEG": "\x00\x00\x01\xba", "X bitmap": "#define x_width 16", "Netpbm": "P6 1 1 255 abc", "Farbfeld": "farbfeld\x00\x00\x00\x01", "QOI": "qoif\x00\x00\x00\x01",
	} {
		all[name] = file{[]byte(text), "x.png", "image/png", http.StatusUnsupportedMediaType}
	}
	return all
}

// wrecks are pictures that are broken, or lie about their size.
func wrecks() map[string]file {
	badSum := pngWith("tEXt", []byte("x\x00y"))
	badSum[33+8] ^= 1
	hugeJPEG := tinyJPEG()
	frame := bytes.Index(hugeJPEG, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint32(hugeJPEG[frame+5:], 0xffdcffdc)
	farGIF := tinyGIF()
	binary.LittleEndian.PutUint16(farGIF[bytes.IndexByte(farGIF[13+768:], ',')+13+768+1:], 60000)
	all := map[string]file{}
	for name, data := range map[string][]byte{
		"nothing": {}, "half a PNG": tinyPNG()[:len(tinyPNG())/2], "half a GIF": tinyGIF()[:len(tinyGIF())/2], "JPEG without its end": tinyJPEG()[:len(tinyJPEG())-200], "PNG with a wrong sum": badSum,
		"PNG of 60,000 x 60,000": pngOfSize(60_000, 60_000, 8, 6, nil), "PNG of 2^31 x 2^31": pngOfSize(1<<31-1, 1<<31-1, 8, 6, nil), "PNG, wide": pngOfSize(12_001, 1, 8, 6, nil), "PNG with too few pixels": pngOfSize(5000, 5000, 8, 6, make([]byte, 100)), "PNG of 49 million and nothing": pngOfSize(7000, 7000, 1, 0, nil),
		"JPEG of 65,500 x 65,500": hugeJPEG, "GIF of 65,535 x 65,535": []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x08\x00;"), "GIF with a frame outside": farGIF, "GIF that is script": []byte("GIF89a/*\x10\x00\x00\x00*/=1;alert(1)"), "GIF without a frame": []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
		"WebP of 16,384 x 16,384": []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\xff\xff\xff\x0f\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "WebP with a canvas of 2^24": []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\x2e\x00\xff\xff\xff"),
	} {
		all[name] = file{data, "x.png", "image/png", http.StatusUnprocessableEntity}
	}
	for _, name := range []string{"WebP with a canvas of 2^24", "PNG with a wrong sum", "half a PNG", "PNG of 2^31 x 2^31"} { // not even their head can be read
		all[name] = file{all[name].data, "x.webp", "image/webp", http.StatusUnsupportedMediaType}
	}
	all["more than 10 MB"] = file{append(tinyPNG(), make([]byte, 10<<20)...), "x.png", "image/png", http.StatusRequestEntityTooLarge}
	return all
}

// TestE2E_SecurityUploads sends files that are not what they say, or more. What is
// taken is a picture that the product drew itself, and only ever a picture.
func TestE2E_SecurityUploads(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	node, r := startProcess(t, dsn), newRobot(t, dsn)
	files := polyglots()
	maps.Copy(files, notPictures())
	maps.Copy(files, wrecks())
	taken := int64(0)
	for name, f := range files {
		a := upload(t, r, node.url, f)
		if a.status != f.status || bytes.Contains(a.body, []byte("smuggled")) {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.body, f.status)
		}
		if a.status == http.StatusCreated {
			checkServed(t, r, node.url, name, a)
			taken++
		}
	}
	if n := number(t, dsn, `SELECT count(*) FROM media`); n != taken || len(files) < 100 {
		t.Errorf("%d of %d files taken, %d stored", taken, len(files), n)
	}
	before := peakMemory(t, node)
	floods(t, r, node.url)
	after := peakMemory(t, node)
	if after > 800<<20 {
		t.Errorf("the node took %d MB", after>>20)
	}
	node.noPanic()
	t.Logf("%d files, %d taken; memory at most %d MB, with three floods of pixels %d MB", len(files), taken, before>>20, after>>20)
}

func upload(t *testing.T, r *robot, node string, f file) answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename=%q`, f.name)}, typeField: {f.kind}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(f.data) // into memory
	_ = w.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, node+"/api/v1/media", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set(typeField, w.FormDataContentType())
	a, err := exchange(r.client, req)
	if err != nil {
		t.Errorf("upload: %v", err)
	}
	return a
}

// checkServed reads every variant as a reader does.
func checkServed(t *testing.T, r *robot, node, name string, a answer) {
	t.Helper()
	var m struct {
		Width, Height int
		Variants      []struct{ URL, Type string }
	}
	if err := json.Unmarshal(a.body, &m); err != nil || m.Width != 40 || m.Height != 30 || len(m.Variants) == 0 {
		t.Errorf("%s: %v %s", name, err, a.body)
	}
	for _, v := range m.Variants {
		got := (&robot{client: r.client}).must(t, http.MethodGet, node+v.URL, nil, nil)
		for field, want := range map[string]string{typeField: v.Type, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cross-Origin-Resource-Policy": "cross-origin", "Content-Disposition": "inline", "Set-Cookie": ""} {
			if got.header.Get(field) != want {
				t.Errorf("%s: %s is %q, want %q", name, field, got.header.Get(field), want)
			}
		}
		if _, kind, err := image.Decode(bytes.NewReader(got.body)); err != nil || "image/"+kind != v.Type {
			t.Errorf("%s: served as %s, is %s, %v", name, v.Type, kind, err)
		}
		for _, trace := range traces {
			if bytes.Contains(got.body, []byte(trace)) {
				t.Errorf("%s: %q came through", name, trace)
			}
		}
	}
}

// floods uploads pictures that are small files and large in memory, at once.
func floods(t *testing.T, r *robot, node string) {
	t.Helper()
	data := pngOfSize(5000, 4000, 8, 2, make([]byte, 4000*(1+5000*3)))
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if a := upload(t, r, node, file{data, "x.png", "image/png", 0}); a.status != http.StatusCreated {
				t.Errorf("a flood of pixels: %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMemory is the most that a node has had in memory, in bytes.
func peakMemory(t *testing.T, p *process) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kB, err := strconv.ParseInt(string(peakLine.FindSubmatch(status)[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kB << 10
}
