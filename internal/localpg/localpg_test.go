//go:build unix

package localpg

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childDir makes the test binary start a cluster and wait to be killed.
const childDir = "LOCALPG_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
	}
	os.Exit(m.Run())
}

func runChild(dir string) {
	c, err := Start(context.Background(), config(dir))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(c.PID())
	select {}
}

func config(dir string) Config {
	return Config{Dir: dir, Log: slog.New(slog.DiscardHandler), Settings: []string{"fsync=off"}}
}

// newDir is a directory for a cluster that the account of the server can reach.
func newDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "data")
}

func start(t *testing.T, dir string) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask runs one query that returns one number, trying again while the server is away.
func ask(t *testing.T, c *Cluster, sql string) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	for {
		err := tryAsk(ctx, c, sql, &n)
		if err == nil {
			return n
		}
		if pause(ctx, pollEvery); ctx.Err() != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func tryAsk(ctx context.Context, c *Cluster, sql string, n *int) error {
	conn, err := pgx.Connect(ctx, c.DSN(Database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, sql).Scan(n)
}

func TestStart_FindsDataAgain(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	c := start(t, dir)

	mustExec(t, c, `CREATE TABLE kept AS SELECT 7 AS n`)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tryAsk(t.Context(), c, `SELECT 1`, new(int)); err == nil {
		t.Fatal("the closed cluster answers")
	}
	if n := ask(t, start(t, dir), `SELECT n FROM kept`); n != 7 {
		t.Fatalf("got %d", n)
	}
}

func mustExec(t *testing.T, c *Cluster, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN(Database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestStart_SecondUsesTheFirstAndTakesOver(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	first, second := start(t, dir), start(t, dir)
	if first.DSN(Database) != second.DSN(Database) {
		t.Fatal("two clusters on one directory")
	}
	if first.PID() == 0 || second.PID() != 0 {
		t.Fatalf("servers of %d and %d", first.PID(), second.PID())
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if n := ask(t, second, `SELECT 7`); n != 7 {
		t.Fatalf("got %d", n)
	}
}

func TestCluster_RestartsKilledServer(t *testing.T) {
	t.Parallel()
	c := start(t, newDir(t))
	mustExec(t, c, `CREATE TABLE kept AS SELECT 7 AS n`)
	if err := syscall.Kill(c.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if n := ask(t, c, `SELECT n FROM kept`); n != 7 {
		t.Fatalf("got %d", n)
	}
}

func TestStart_AfterOurProcessWasKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // says only that it was killed
	if n := ask(t, start(t, dir), `SELECT 7`); n != 7 {
		t.Fatalf("got %d", n)
	}
}

func TestStart_Refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, version, want string }{
		{"data of an old version", "9\n", "PostgreSQL 9 and cannot be opened"},
		{"data of a later version", "99\n", "PostgreSQL 99 and cannot be opened"},
		{"damaged version", "x\n", "is damaged"},
		{"something else", "", "not a PostgreSQL data directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			checkRefusal(t, test.version, test.want)
		})
	}
}

func checkRefusal(t *testing.T, version, want string) {
	t.Helper()
	dir := newDir(t)
	data := filepath.Join(dir, "pg")
	if err := os.MkdirAll(data, 0o711); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(data, "precious")
	write(t, precious, "data")
	if version != "" {
		write(t, filepath.Join(data, "PG_VERSION"), version)
	}
	_, err := Start(t.Context(), config(dir))
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want %q", err, want)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Fatal("data is gone: ", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStart_EmptyDirWithoutSecretSaysSo(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	if err := start(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "pg.secret"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), config(dir))
	if err == nil || !strings.Contains(err.Error(), "pg.secret is empty") {
		t.Fatal(err)
	}
}

func TestCluster_SecretIsPrivateAndUnsaid(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	c := start(t, dir)
	info, err := os.Stat(filepath.Join(dir, "pg.secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if strings.Contains(c.Describe(), c.secret) {
		t.Fatal("the description holds the password")
	}
	wrong := strings.Replace(c.DSN(Database), c.secret, "wrong", 1)
	if conn, err := pgx.Connect(t.Context(), wrong); err == nil {
		conn.Close(t.Context())
		t.Fatal("a wrong password is accepted")
	}
}

func TestServer_IsNotRoot(t *testing.T) {
	t.Parallel()
	c := start(t, newDir(t))
	info, err := os.Stat(c.dataDir())
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 || int(uid) != c.account.uid {
		t.Fatalf("the data belongs to user %d, the server runs as %d", uid, c.account.uid)
	}
}

func TestFirstClosed_FindsWhatTheAccountMayNotEnter(t *testing.T) {
	t.Parallel()
	root := newDir(t)
	closed := filepath.Join(root, "closed")
	if err := os.MkdirAll(filepath.Join(closed, "open"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	other := account{uid: os.Geteuid() + 4711, gid: os.Getegid() + 4711}
	if got := firstClosed(filepath.Join(closed, "open"), other); got != closed {
		t.Errorf("got %q, want %q", got, closed)
	}
	if got := firstClosed(filepath.Join(root, "not yet made"), other); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestSocketDir_IsShort(t *testing.T) {
	t.Parallel()
	if dir := socketDir("/" + strings.Repeat("deep/", 100)); len(dir)+len("/.s.PGSQL.5432.lock") > 103 {
		t.Errorf("%d bytes: %s", len(dir), dir)
	}
}

func TestMakeSocketDir_RefusesOpenDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "socket")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{account: account{uid: os.Geteuid(), gid: os.Getegid()}}
	if err := c.makeSocketDir(dir); err == nil {
		t.Fatal("accepted")
	}
}

func TestTryLock_ExcludesOtherHolders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := TryLock(path)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if second, err := TryLock(path); second != nil || err != nil {
		t.Fatal(second, err)
	}
	first.Close()
	third, err := TryLock(path)
	if err != nil || third == nil {
		t.Fatal(third, err)
	}
	third.Close()
}

func TestStart_GivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := Start(ctx, config(newDir(t))); err == nil {
		t.Fatal("no error")
	}
}

// A new cluster knows letters beyond ASCII. The database is made like the others.
func TestStart_LocaleKnowsAllLetters(t *testing.T) {
	t.Parallel()
	c := start(t, newDir(t))
	if n := ask(t, c, `SELECT count(*) FROM (VALUES ('ÄÖÜ'), ('ΣΊΣΥΦΟΣ'), ('ЖУК')) AS v(t) WHERE lower(t) = t`); n != 0 {
		t.Errorf("%d of 3 words in capital letters stay as they are", n)
	}
	if n := ask(t, c, `SELECT count(*) FROM pg_database WHERE datname = current_database() AND pg_encoding_to_char(encoding) = 'UTF8'`); n != 1 {
		t.Error("the database is not in UTF-8")
	}
}

func TestLocaleArgs_ByVersion(t *testing.T) {
	t.Parallel()
	for major, want := range map[int]string{
		14: "--locale=C.UTF-8", 15: "--locale-provider=libc --locale=C.UTF-8", 16: "--locale-provider=libc --locale=C.UTF-8",
		17: "--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C", 18: "--locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C",
	} {
		if got := strings.Join(localeArgs(major), " "); got != want {
			t.Errorf("PostgreSQL %d: %s", major, got)
		}
	}
}
