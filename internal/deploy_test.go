package internal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// compose is the part of docker-compose.yml that must hold together.
type compose struct {
	Services map[string]struct {
		Image       string
		Profiles    []string
		Ports       []string
		Volumes     []string
		Environment map[string]string
		Healthcheck struct{ Test []string }
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		User        string
	}
	Volumes map[string]any
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	if err := yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCompose_ServicesWaitForHealthyOnes(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	for name, s := range c.Services {
		if len(s.Healthcheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
		for other, d := range s.DependsOn {
			if _, exists := c.Services[other]; !exists || d.Condition != "service_healthy" {
				t.Errorf("%s waits for %s: %s", name, other, d.Condition)
			}
		}
	}
}

func TestCompose_PublishesOnThisMachineOnly(t *testing.T) {
	t.Parallel()
	for name, s := range readCompose(t).Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s", name, p)
			}
		}
	}
}

func TestCompose_SecondNodeIsLikeTheFirst(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	first, second := c.Services["dateline"], c.Services["dateline-2"]
	for name, value := range first.Environment {
		if second.Environment[name] != value {
			t.Errorf("%s differs", name)
		}
	}
	for _, name := range []string{"dateline-2", "nginx"} {
		if !slices.Contains(c.Services[name].Profiles, "two-nodes") {
			t.Errorf("%s is not in the profile two-nodes", name)
		}
	}
}

func TestCompose_VolumesExist(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if file, local := strings.CutPrefix(source, "./"); local {
				if _, err := os.Stat(filepath.Join("..", file)); err != nil {
					t.Error(err)
				}
				continue
			}
			if _, exists := c.Volumes[source]; !exists {
				t.Errorf("%s uses the volume %s, which is not there", name, source)
			}
		}
	}
}

func TestNginx_KnowsEveryNode(t *testing.T) {
	t.Parallel()
	nginx := read(t, "deploy/nginx.conf")
	for name := range readCompose(t).Services {
		if strings.HasPrefix(name, "dateline") && !strings.Contains(nginx, "server "+name+":8080") {
			t.Errorf("nginx does not know %s", name)
		}
	}
	for _, needed := range []string{"proxy_buffering off", "error_page 502 503 504 =200", "X-Forwarded-For $remote_addr"} {
		if !strings.Contains(nginx, needed) {
			t.Errorf("nginx.conf lacks %q", needed)
		}
	}
}

// TestDeployment_UsesDocumentedSettings finds misspelt and outdated variables.
func TestDeployment_UsesDocumentedSettings(t *testing.T) {
	t.Parallel()
	manual := read(t, "docs/configuration.md")
	variable := regexp.MustCompile(`\bDATELINE_[A-Z_]+\b`)
	for _, file := range []string{"Dockerfile", "docker-compose.yml", "deploy/nginx.conf"} {
		for _, name := range variable.FindAllString(read(t, file), -1) {
			if name != "DATELINE_VERSION" && !strings.Contains(manual, "`"+name+"`") {
				t.Errorf("%s uses %s, which is not in docs/configuration.md", file, name)
			}
		}
	}
}
