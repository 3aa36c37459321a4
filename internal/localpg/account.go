//go:build unix

package localpg

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system's user that runs the server: PostgreSQL does not run as
// root.
type account struct {
	uid, gid int
	name     string
	switched bool // the process is root and starts programs as this account
}

// serverAccount returns the account of the process. For root it is the owner of an existing
// data directory, otherwise the account postgres or nobody.
func serverAccount(data string) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid(), name: "this user"}, nil
	}
	if info, err := os.Stat(data); err == nil {
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
			return account{uid: int(st.Uid), gid: int(st.Gid), name: strconv.Itoa(int(st.Uid)), switched: true}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		if a, err := lookup(name); err == nil {
			return a, nil
		}
	}
	return account{}, fmt.Errorf("PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody: " +
		"start the program as another user, or set DATABASE_URL")
}

func lookup(name string) (account, error) {
	u, err := osuser.Lookup(name)
	if err != nil {
		return account{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return account{uid: uid, gid: gid, name: name, switched: true}, err
}

// give makes the account the owner of a path.
func (a account) give(path string) error {
	if !a.switched {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// chooseDirs decides where the cluster and its socket are.
func (c *Cluster) chooseDirs() (err error) {
	dir, err := filepath.Abs(c.config.Dir)
	if err != nil {
		return err
	}
	c.dir = dir
	if c.account, err = serverAccount(c.dataDir()); err != nil {
		return err
	}
	if err := c.makeDir(); err != nil {
		return err
	}
	c.socket = socketDir(c.dir)
	return nil
}

// makeDir creates the directory. If the process is root and the account cannot enter the
// directory, such as one below /root, it uses one below /var/lib instead.
func (c *Cluster) makeDir() error {
	closed := firstClosed(filepath.Dir(c.dir), c.account)
	if c.account.switched && closed != "" {
		asked := c.dir
		c.dir = filepath.Join("/var/lib/dateline", filepath.Base(filepath.Dir(asked))+"-"+digest(asked))
		c.config.Log.Info("the database is kept elsewhere, since the user who runs it cannot enter a directory above the data",
			"user", c.account.name, "closed", closed, "wanted", asked, "used", c.dir)
	}
	mode := fs.FileMode(0o700)
	if c.account.switched {
		mode = 0o711 // the account can enter the directory, and cannot list it
	}
	if err := os.MkdirAll(filepath.Dir(c.dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(c.dir, mode); err != nil && !os.IsExist(err) {
		return err
	}
	return c.checkDir()
}

func (c *Cluster) checkDir() error {
	if closed := firstClosed(c.dir, c.account); c.account.switched && closed != "" {
		return fmt.Errorf("PostgreSQL runs as user %s, who cannot enter %s: run `chmod o+x %s`, choose another --data-dir, or set DATABASE_URL",
			c.account.name, closed, closed)
	}
	return nil
}

// firstClosed returns the first directory on the path to dir that the account may not enter,
// or "" if it may enter all that exist.
func firstClosed(dir string, a account) string {
	if parent := filepath.Dir(dir); parent != dir {
		if closed := firstClosed(parent, a); closed != "" {
			return closed
		}
	}
	info, err := os.Stat(dir)
	if err != nil || mayPass(info, a) {
		return ""
	}
	return dir
}

func mayPass(info fs.FileInfo, a account) bool {
	st := info.Sys().(*syscall.Stat_t)
	switch {
	case int(st.Uid) == a.uid:
		return info.Mode()&0o100 != 0
	case int(st.Gid) == a.gid:
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}

// socketDir returns a short name, since the path of a unix socket can have about 100 bytes.
// It is the same for every process that uses the cluster.
func socketDir(dir string) string {
	name := "dateline-" + digest(dir)
	if long := filepath.Join(os.TempDir(), name); len(long) < 80 {
		return long
	}
	return filepath.Join("/tmp", name)
}

// makeSocketDir creates the directory. It rejects one that another user has created before:
// the password would be sent to a server of that user.
func (c *Cluster) makeSocketDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		return c.account.give(dir)
	}
	info, statErr := os.Lstat(dir)
	if statErr != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || (owner != c.account.uid && owner != os.Geteuid()) {
		return fmt.Errorf("%s is not a private directory of user %s: remove it and start again", dir, c.account.name)
	}
	return c.account.give(dir)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}
