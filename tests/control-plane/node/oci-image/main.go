// Command oci-image writes an image of one layer, as a tar that containerd imports: a static program, and files beside it.
//
//	usage: oci-image NAME OUTPUT PROGRAM [PATH=FILE…]
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
		log.Fatal("usage: oci-image NAME OUTPUT PROGRAM [PATH=FILE…]")
	}
	name, output, program := os.Args[1], os.Args[2], os.Args[3]
	entry := "/" + path.Base(program)
	files := [][2]string{{entry, program}}
	for _, argument := range os.Args[4:] {
		inside, file, found := strings.Cut(argument, "=")
		if !found {
			log.Fatalf("%q is not PATH=FILE", argument)
		}
		files = append(files, [2]string{inside, file})
	}
	if err := os.WriteFile(output, image(name, entry, layer(files)), 0o644); err != nil {
		log.Fatal(err)
	}
}

// layer is a tar of the files and of the folders above them.
func layer(files [][2]string) []byte {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	made := map[string]bool{"/": true}
	var folder func(string)
	folder = func(name string) {
		if made[name] {
			return
		}
		folder(path.Dir(name))
		made[name] = true
		write(archive, name[1:]+"/", tar.TypeDir, 0o755, nil)
	}
	for _, file := range files {
		content, err := os.ReadFile(file[1])
		if err != nil {
			log.Fatal(err)
		}
		folder(path.Dir(file[0]))
		write(archive, file[0][1:], tar.TypeReg, 0o755, content)
	}
	if err := archive.Close(); err != nil {
		log.Fatal(err)
	}
	return buffer.Bytes()
}

func write(archive *tar.Writer, name string, kind byte, mode int64, content []byte) {
	header := &tar.Header{Name: name, Typeflag: kind, Mode: mode, Size: int64(len(content))}
	if err := archive.WriteHeader(header); err != nil {
		log.Fatal(err)
	}
	if _, err := archive.Write(content); err != nil {
		log.Fatal(err)
	}
}

// image is an OCI layout with one manifest, in a tar.
func image(name, entry string, layer []byte) []byte {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	add := func(kind string, content []byte) object {
		digest := fmt.Sprintf("%x", sha256.Sum256(content))
		write(archive, "blobs/sha256/"+digest, tar.TypeReg, 0o644, content)
		return object{"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(content)}
	}
	platform := object{"os": "linux", "architecture": runtime.GOARCH}
	layers := add("layer.v1.tar", layer)
	config := add("config.v1+json", encode(object{
		"os": "linux", "architecture": runtime.GOARCH,
		"config": object{"Entrypoint": []string{entry}},
		"rootfs": object{"type": "layers", "diff_ids": []any{layers["digest"]}},
	}))
	manifest := add("manifest.v1+json", encode(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": []any{layers},
	}))
	manifest["platform"] = platform
	manifest["annotations"] = object{"io.containerd.image.name": name}
	write(archive, "index.json", tar.TypeReg, 0o644, encode(object{"schemaVersion": 2, "manifests": []any{manifest}}))
	write(archive, "oci-layout", tar.TypeReg, 0o644, encode(object{"imageLayoutVersion": "1.0.0"}))
	if err := archive.Close(); err != nil {
		log.Fatal(err)
	}
	return buffer.Bytes()
}

func encode(value object) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	return encoded
}
