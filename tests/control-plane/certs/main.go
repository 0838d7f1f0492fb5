// Command certs prepares the state directory of a control plane: a certificate authority, the API server's certificate,
// the key of ServiceAccount tokens and one kubeconfig per user. It prints free loopback ports, one a line: first the API
// server's (written into the kubeconfigs), then as many more as were asked for.
//
//	usage: certs DIRECTORY EXTRA-PORTS
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// users are the clients of the API server: file name, and the identity in the certificate.
var users = []struct {
	file    string
	subject pkix.Name
}{
	{"admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}},
	{"controller-manager", pkix.Name{CommonName: "system:kube-controller-manager"}},
	{"scheduler", pkix.Name{CommonName: "system:kube-scheduler"}},
	{"kubelet", pkix.Name{CommonName: "system:node:flash-node", Organization: []string{"system:nodes"}}},
	{"kube-proxy", pkix.Name{CommonName: "system:kube-proxy"}},
	// Users of their own, so that the audit log tells the simulation from people.
	{"kwok", pkix.Name{CommonName: "simulation:kwok", Organization: []string{"system:masters"}}},
	{"fleet", pkix.Name{CommonName: "simulation:fleet", Organization: []string{"system:masters"}}},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("certs: ")
	if len(os.Args) != 3 {
		log.Fatal("usage: certs DIRECTORY EXTRA-PORTS")
	}
	extra, err := strconv.Atoi(os.Args[2])
	check(err)
	directory := os.Args[1]
	ports, err := freePorts(1 + extra)
	check(err)
	check(write(directory, ports[0]))
	for _, port := range ports {
		fmt.Println(port)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// freePorts picks ports below the range from which outgoing connections take theirs, so that a port cannot be lost to one
// between here and the program that will listen on it.
func freePorts(count int) ([]int, error) {
	var ports []int
	for tries := 0; len(ports) < count; tries++ {
		if tries == 1000 {
			return nil, fmt.Errorf("found %d free loopback ports between 15000 and 31999, need %d", len(ports), count)
		}
		port := 15000 + mathrand.IntN(17000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		// Held until the end: one port is not found twice.
		defer listener.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
	serial      int64
}

func write(directory string, port int) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	serverCertificate, serverKey, err := ca.issue(x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)},
		DNSNames:    []string{"localhost", "kubernetes.default.svc"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return err
	}
	_, tokens, err := newKey()
	if err != nil {
		return err
	}
	files := map[string][]byte{"ca.crt": ca.pem, "server.crt": serverCertificate, "server.key": serverKey, "tokens.key": tokens}
	for _, user := range users {
		certificate, key, err := ca.issue(x509.Certificate{
			Subject:     user.subject,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err != nil {
			return err
		}
		files[user.file+".kubeconfig"] = kubeconfig(port, user.file, ca.pem, certificate, key)
		if user.file == "admin" {
			// The API server asks the node for logs as this user.
			files["admin.crt"], files["admin.key"] = certificate, key
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func newAuthority() (*authority, error) {
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "control-plane-ca"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key, serial: 1, pem: encode(der)}, nil
}

func (a *authority) issue(template x509.Certificate) (certificate, keyPEM []byte, err error) {
	key, keyPEM, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	a.serial++
	template.SerialNumber = big.NewInt(a.serial)
	template.NotBefore, template.NotAfter = a.certificate.NotBefore, a.certificate.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, &template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	return encode(der), keyPEM, nil
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func kubeconfig(port int, user string, ca, certificate, key []byte) []byte {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: "https://127.0.0.1:%d", certificate-authority-data: %s}
users:
- name: %s
  user: {client-certificate-data: %s, client-key-data: %s}
contexts:
- name: test
  context: {cluster: test, user: %s}
current-context: test
`, port, b64(ca), user, b64(certificate), b64(key), user)
}
