package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config is everything an operator can set, by flag or by environment. The
// table in docs/configuration.md has one line for each; a test compares them.
type Config struct {
	Listen         string   `default:"127.0.0.1:8080" env:"DATELINE_LISTEN" help:"Where readers, editors and API clients connect. Use 0.0.0.0:8080 to be reached from other machines."`
	PublicURL      string   `env:"DATELINE_PUBLIC_URL" placeholder:"URL" help:"How readers reach this product, such as https://live.example.org. Needed behind a proxy."`
	TrustedProxies []string `env:"DATELINE_TRUSTED_PROXIES" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is believed."`
	RateLimit      int      `default:"12000" env:"DATELINE_RATE_LIMIT" placeholder:"N" help:"Requests a minute to the API from one client: a user, a token, or an address. Ten seconds' worth may come at once."`
	AddressRate    int      `default:"60000" env:"DATELINE_ADDRESS_RATE" placeholder:"N" help:"Requests a minute from one address, of any kind and from any client. Ten seconds' worth may come at once. 0 is no limit."`
	AddressReads   int      `default:"6000" env:"DATELINE_ADDRESS_READS" placeholder:"N" help:"Those of one address, a minute, that make this node read from the database for a client that has not signed in. Ten seconds' worth may come at once. 0 is no limit."`

	Streams           int `env:"DATELINE_STREAMS" placeholder:"N" help:"Streams and long polls that this node serves at most. 0 is 80 % of what its limit of open files leaves to clients."`
	StreamsPerAddress int `default:"256" env:"DATELINE_STREAMS_PER_ADDRESS" placeholder:"N" help:"Those of one client address; an IPv6 network of 64 bits counts as one. 0 is no limit."`
	StreamsPerBlog    int `env:"DATELINE_STREAMS_PER_BLOG" placeholder:"N" help:"Those of one blog on this node. 0 is no limit."`

	Engine string `default:"auto" enum:"auto,portable" env:"DATELINE_ENGINE" help:"auto serves streams by one loop per core where the system can, portable always by a goroutine each."`

	Compress bool `default:"true" negatable:"" env:"DATELINE_COMPRESS" help:"Compress streams for readers who accept gzip: once per event, not once per reader."`

	MetricsListen string `default:"127.0.0.1:9090" env:"DATELINE_METRICS_LISTEN" help:"Where Prometheus reads /metrics. Empty is off."`

	DatabaseURL  string        `env:"DATELINE_DATABASE_URL,DATABASE_URL" placeholder:"URL" help:"postgres://user:password@host:5432/database. Without it, a private PostgreSQL is started, for evaluation."`
	DatabaseWait time.Duration `default:"30s" env:"DATELINE_DATABASE_WAIT" help:"How long serve and migrate wait for a PostgreSQL that is away when they start. 0 is not at all."`
	DataDir      string        `default:"./data" env:"DATELINE_DATA_DIR" help:"Holds the setup link and the private PostgreSQL."`
	MediaDir     string        `env:"DATELINE_MEDIA_DIR" placeholder:"DIR" help:"Keeps the bytes of pictures in this directory; all nodes must share it. Without it they are in the database."`
	Replication  string        `default:"none" enum:"none,sync" env:"DATELINE_REPLICATION" help:"none, or sync when PostgreSQL replicates synchronously: readers then keep their place over a fail-over."`

	KeepEvents int64 `default:"0" env:"DATELINE_KEEP_EVENTS" placeholder:"N" help:"Keep only the newest N events of each blog; readers who were further behind start again. 0 keeps all."`

	KeepAudit          int `default:"730" env:"DATELINE_KEEP_AUDIT" placeholder:"DAYS" help:"How long rows of the audit log are kept. 0 is for ever."`
	KeepAuditAddresses int `default:"90" env:"DATELINE_KEEP_AUDIT_ADDRESSES" placeholder:"DAYS" help:"How long the audit log knows network addresses. 0 is as long as its rows."`
	KeepUnusedMedia    int `default:"30" env:"DATELINE_KEEP_UNUSED_MEDIA" placeholder:"DAYS" help:"How long pictures are kept that no post, no version of one and no blog shows. 0 is for ever."`
	KeepRemoved        int `default:"0" env:"DATELINE_KEEP_REMOVED" placeholder:"DAYS" help:"How long the texts of removed posts are kept, with their revisions. 0 is for ever: they can be restored."`

	LogFormat string `enum:"auto,text,json" default:"auto" env:"DATELINE_LOG_FORMAT" help:"text, json, or auto: text on a terminal, otherwise JSON."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"DATELINE_LOG_LEVEL" help:"debug, info, warn or error."`

	SecretKey         string `env:"DATELINE_SECRET_KEY" placeholder:"SECRET" help:"32 bytes or more, the same on every node. With it a copy of the database is not enough to forge a sign-in."`
	SecretKeyFile     string `env:"DATELINE_SECRET_KEY_FILE" placeholder:"FILE" help:"The same, read from a file."`
	AdminEmail        string `env:"DATELINE_ADMIN_EMAIL" placeholder:"EMAIL" help:"Creates the first user without a setup link, with the password below."`
	AdminPassword     string `env:"DATELINE_ADMIN_PASSWORD" placeholder:"PASSWORD" help:"Password of the first user."`
	AdminPasswordFile string `env:"DATELINE_ADMIN_PASSWORD_FILE" placeholder:"FILE" help:"The same, read from a file."`
}

const minSecret = 32 // bytes

// Validate refuses a configuration that cannot work, and says what to do. kong
// calls it before any command runs.
func (c *Config) Validate() error {
	return errors.Join(
		checkAddress("--listen", c.Listen),
		checkMetricsAddress(c.MetricsListen),
		checkRate(c.RateLimit),
		checkKeepEvents(c.KeepEvents),
		checkDays("--keep-audit", c.KeepAudit),
		checkDays("--keep-audit-addresses", c.KeepAuditAddresses),
		checkDays("--keep-unused-media", c.KeepUnusedMedia),
		checkDays("--keep-removed", c.KeepRemoved),
		checkDatabaseWait(c.DatabaseWait),
		checkLimit("--address-rate", c.AddressRate),
		checkLimit("--address-reads", c.AddressReads),
		checkLimit("--streams", c.Streams),
		checkLimit("--streams-per-address", c.StreamsPerAddress),
		checkLimit("--streams-per-blog", c.StreamsPerBlog),
		check(c.publicURL()),
		check(c.trustedProxies()),
		c.checkDatabaseURL(),
		c.checkSecrets(),
	)
}

func check[T any](_ T, err error) error { return err }

func checkAddress(flag, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("%s %q is not an address: write host:port, such as 127.0.0.1:8080 or 0.0.0.0:8080", flag, address)
	}
	return nil
}

func checkRate(perMinute int) error {
	if perMinute < 60 {
		return fmt.Errorf("--rate-limit %d is too low: the editors' page alone needs 60 a minute", perMinute)
	}
	return nil
}

// minKeep is what a reader may be behind after a coffee, at a lively pace.
const minKeep = 100

func checkKeepEvents(n int64) error {
	if n != 0 && n < minKeep {
		return fmt.Errorf("--keep-events %d is too few: keep %d or more, or 0 for all", n, minKeep)
	}
	return checkKeep("--keep-events", n)
}

// maxDays is a century.
const maxDays = 36500

func checkDays(flag string, n int) error {
	if n < 0 || n > maxDays {
		return fmt.Errorf("%s %d is no number of days: write 1 to %d, or 0 for ever", flag, n, maxDays)
	}
	return nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func checkDatabaseWait(d time.Duration) error {
	if d < 0 || d > time.Hour {
		return fmt.Errorf("--database-wait %s is no time to wait: write 30s, an hour at most, or 0", d)
	}
	return nil
}

func checkLimit(flag string, n int) error {
	if n < 0 {
		return fmt.Errorf("%s %d is below zero: write how many there may be, or 0 for no limit of its own", flag, n)
	}
	return nil
}

func checkMetricsAddress(address string) error {
	if address == "" {
		return nil
	}
	return checkAddress("--metrics-listen", address)
}

// publicURL is how readers reach the product: as configured, otherwise derived from
// the listening address, for a browser on this machine.
func (c *Config) publicURL() (*url.URL, error) {
	if c.PublicURL == "" {
		return &url.URL{Scheme: "http", Host: localHost(c.Listen)}, nil
	}
	u, err := url.Parse(strings.TrimSuffix(c.PublicURL, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("--public-url %q is not a URL: write it like https://live.example.org", c.PublicURL)
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("--public-url %q must be the root of a host, without path, query or user", c.PublicURL)
	}
	return u, nil
}

// localHost turns an address to listen on into one to connect to.
func localHost(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (c *Config) trustedProxies() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range c.TrustedProxies {
		p, err := parsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies %q is neither an address nor a network: write 10.0.0.7 or 10.0.0.0/8", text)
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("--trusted-proxies %s would believe everybody: name the addresses of your proxies", text)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// checkDatabaseURL never repeats the URL: it holds a password.
func (c *Config) checkDatabaseURL() error {
	if c.DatabaseURL == "" {
		return nil
	}
	if _, err := pgx.ParseConfig(c.DatabaseURL); err != nil {
		return errDatabaseURL
	}
	return nil
}

func (c *Config) checkSecrets() error {
	secret, err := c.secret()
	if err != nil {
		return err
	}
	if len(secret) > 0 && len(secret) < minSecret {
		return fmt.Errorf("--secret-key has %d bytes and needs %d: make one with `openssl rand -hex 32`", len(secret), minSecret)
	}
	password, err := c.adminPassword()
	if err != nil {
		return err
	}
	if (c.AdminEmail == "") != (password == "") {
		return errors.New("--admin-email and --admin-password belong together: set both or neither")
	}
	return nil
}

func (c *Config) secret() ([]byte, error) {
	s, err := secretOf("--secret-key", c.SecretKey, c.SecretKeyFile)
	return []byte(s), err
}

func (c *Config) adminPassword() (string, error) {
	return secretOf("--admin-password", c.AdminPassword, c.AdminPasswordFile)
}

// secretOf is a secret given directly or by the name of a file that ends with at
// most one line break.
func secretOf(flag, value, file string) (string, error) {
	if value != "" && file != "" {
		return "", fmt.Errorf("%s and %s-file are both set: keep one", flag, flag)
	}
	if file == "" {
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s-file: %w", flag, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("%s-file: %s is empty", flag, file)
	}
	return secret, nil
}
