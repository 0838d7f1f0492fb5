// Command oci-image writes an image of one layer, as a tar that containerd imports: a static program, and files beside it; or what a
// Dockerfile says that starts from nothing and runs nothing.
//
//	usage: oci-image NAME OUTPUT PROGRAM [PATH=FILE…]
//	       oci-image build OUTPUT --file DOCKERFILE --tag NAME [--platform OS/ARCH] [--build-arg NAME=VALUE]… CONTEXT
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path"
	"runtime"
	"strings"
)

type object = map[string]any

func main() {
	log.SetFlags(0)
	log.SetPrefix("oci-image: ")
	if len(os.Args) < 4 {
		log.Fatal("usage: oci-image NAME OUTPUT PROGRAM [PATH=FILE…], or oci-image build OUTPUT --file DOCKERFILE --tag NAME CONTEXT")
	}
	if os.Args[1] == "build" {
		check(build(os.Args[2], os.Args[3:]))
		return
	}
	name, output, program := os.Args[1], os.Args[2], os.Args[3]
	entry := "/" + path.Base(program)
	layer := newLayer()
	layer.copy(program, entry, 0o755)
	for _, argument := range os.Args[4:] {
		inside, file, found := strings.Cut(argument, "=")
		if !found {
			log.Fatalf("%q is not PATH=FILE", argument)
		}
		layer.copy(file, inside, 0o755)
	}
	platform := object{"os": "linux", "architecture": runtime.GOARCH}
	check(os.WriteFile(output, image(name, platform, object{"Entrypoint": []string{entry}}, layer.end()), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// layer is a tar of files and of the folders above them.
type layer struct {
	buffer  bytes.Buffer
	archive *tar.Writer
	made    map[string]bool
}

func newLayer() *layer {
	layer := &layer{made: map[string]bool{"/": true}}
	layer.archive = tar.NewWriter(&layer.buffer)
	return layer
}

func (l *layer) folder(name string, mode os.FileMode) {
	if l.made[name] {
		return
	}
	l.folder(path.Dir(name), 0o755)
	l.made[name] = true
	write(l.archive, name[1:]+"/", tar.TypeDir, int64(mode), nil)
}

func (l *layer) copy(file, inside string, mode os.FileMode) {
	content, err := os.ReadFile(file)
	check(err)
	l.folder(path.Dir(inside), 0o755)
	write(l.archive, inside[1:], tar.TypeReg, int64(mode), content)
}

func (l *layer) end() []byte {
	check(l.archive.Close())
	return l.buffer.Bytes()
}

func write(archive *tar.Writer, name string, kind byte, mode int64, content []byte) {
	header := &tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: int64(len(content))}
	check(archive.WriteHeader(header))
	_, err := archive.Write(content)
	check(err)
}

// image is an OCI layout with one manifest, in a tar.
func image(name string, platform, config object, layer []byte) []byte {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	add := func(kind string, content []byte) object {
		digest := fmt.Sprintf("%x", sha256.Sum256(content))
		write(archive, "blobs/sha256/"+digest, tar.TypeReg, 0o644, content)
		return object{"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(content)}
	}
	layers := add("layer.v1.tar", layer)
	described := add("config.v1+json", encode(object{
		"os": platform["os"], "architecture": platform["architecture"], "config": config,
		"rootfs": object{"type": "layers", "diff_ids": []any{layers["digest"]}},
	}))
	manifest := add("manifest.v1+json", encode(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": described, "layers": []any{layers},
	}))
	manifest["platform"] = platform
	manifest["annotations"] = object{"io.containerd.image.name": name}
	write(archive, "index.json", tar.TypeReg, 0o644, encode(object{"schemaVersion": 2, "manifests": []any{manifest}}))
	write(archive, "oci-layout", tar.TypeReg, 0o644, encode(object{"imageLayoutVersion": "1.0.0"}))
	check(archive.Close())
	return buffer.Bytes()
}

func encode(value object) []byte {
	encoded, err := json.Marshal(value)
	check(err)
	return encoded
}
