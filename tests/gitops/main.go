// What GitOps tools make of objects: kstatus, by which Flux and Helm wait, and Argo CD's interpreter with a health script.
// Reads a JSON list of objects from standard input; prints one line an object: kstatus' word, Argo CD's word, its message.
//
//	usage: gitops SCRIPT.lua <OBJECTS.json
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	// Whole numbers become int64, as in objects that were read from a cluster.
	var objects []any
	if err := json.Unmarshal(input, &objects); err != nil {
		return err
	}
	for _, item := range objects {
		object, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no object", item)
		}
		computed, err := status.Compute(&unstructured.Unstructured{Object: object})
		if err != nil {
			return err
		}
		word, message, err := health(string(script), object)
		if err != nil {
			return err
		}
		fmt.Printf("%s\t%s\t%s\n", computed.Status, word, message)
	}
	return nil
}

// health runs the script as Argo CD does: with few libraries, the object as `obj`, and a table as the result.
func health(script string, object map[string]any) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, open := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		state.Push(state.NewFunction(open.open))
		state.Push(lua.LString(open.name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return "", "", err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the script returned %s, not a table", state.Get(-1).Type())
	}
	return lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message")), nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case bool:
		return lua.LBool(value)
	}
	return lua.LNil
}
