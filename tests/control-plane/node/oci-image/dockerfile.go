package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// arguments are those of `--build-arg`, which may be given many times.
type arguments map[string]string

func (a arguments) String() string { return "" }

func (a arguments) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	a[name] = value
	return nil
}

// build writes the image of a Dockerfile, with the arguments that builders take.
func build(output string, words []string) error {
	given := arguments{}
	flags := flag.NewFlagSet("build", flag.ExitOnError)
	file := flags.String("file", "Dockerfile", "the Dockerfile")
	tag := flags.String("tag", "", "name of the image")
	platform := flags.String("platform", "linux/amd64", "OS/ARCH")
	flags.Var(given, "build-arg", "NAME=VALUE")
	if err := flags.Parse(words); err != nil {
		return err
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	recipe := recipe{context: flags.Arg(0), given: given, layer: newLayer(), config: object{}}
	for _, line := range strings.Split(strings.ReplaceAll(string(text), "\\\n", " "), "\n") {
		if err := recipe.follow(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("%s: %q: %w", *file, line, err)
		}
	}
	system, architecture, _ := strings.Cut(*platform, "/")
	made := image(*tag, object{"os": system, "architecture": architecture}, recipe.config, recipe.layer.end())
	return os.WriteFile(output, made, 0o644)
}

// recipe is a Dockerfile that is being followed.
type recipe struct {
	context string
	given   arguments
	layer   *layer
	config  object
}

func (r *recipe) follow(line string) error {
	instruction, rest, _ := strings.Cut(line, " ")
	rest = os.Expand(rest, func(name string) string { return r.given[name] })
	switch instruction {
	case "", "#", "ARG", "LABEL", "EXPOSE":
		return nil
	case "FROM":
		if rest != "scratch" {
			return fmt.Errorf("an image starts from nothing here")
		}
		return nil
	case "COPY":
		return r.copy(strings.Fields(rest))
	case "ENV":
		r.config["Env"] = strings.Fields(rest)
		return nil
	case "USER":
		r.config["User"] = rest
		return nil
	case "ENTRYPOINT":
		return r.command("Entrypoint", rest)
	case "CMD":
		return r.command("Cmd", rest)
	default:
		return fmt.Errorf("not known here")
	}
}

func (r *recipe) command(field, rest string) error {
	var words []string
	err := json.Unmarshal([]byte(rest), &words)
	r.config[field] = words
	return err
}

// copy copies files into a folder, and of a folder what is in it.
func (r *recipe) copy(words []string) error {
	target := words[len(words)-1]
	if !strings.HasSuffix(target, "/") {
		return fmt.Errorf("the target is not a folder")
	}
	for _, source := range words[:len(words)-1] {
		root := filepath.Join(r.context, source)
		above := filepath.Dir(root)
		if strings.HasSuffix(source, "/") {
			above = root
		}
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || name == above {
				return err
			}
			return r.add(name, path.Join(target, strings.TrimPrefix(name, above)), entry)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *recipe) add(name, inside string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if info.Mode()&os.ModeSticky != 0 {
		mode |= 0o1000
	}
	if entry.IsDir() {
		r.layer.folder(inside, mode)
		return nil
	}
	r.layer.copy(name, inside, mode)
	return nil
}
