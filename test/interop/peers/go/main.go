// Go's kolo/xmlrpc as a peer: see ../../peers.py for what a peer reads and writes.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/kolo/xmlrpc"
)

const dateTime = "20060102T15:04:05"

type step struct {
	Method string
	Params []tagged
}

type tagged map[string]json.RawMessage

func read(raw json.RawMessage, into interface{}) {
	if err := json.Unmarshal(raw, into); err != nil {
		panic(err)
	}
}

func made(value tagged) interface{} {
	for kind, raw := range value {
		switch kind {
		case "int", "i8":
			var number int64
			read(raw, &number)
			return number
		case "double":
			var number float64
			read(raw, &number)
			return number
		case "base64":
			var text string
			read(raw, &text)
			return xmlrpc.Base64(text)
		case "dateTime":
			var text string
			read(raw, &text)
			moment, err := time.Parse(dateTime, text)
			if err != nil {
				panic(err)
			}
			return moment
		case "array":
			var items []tagged
			read(raw, &items)
			return allMade(items)
		case "struct":
			var members map[string]tagged
			read(raw, &members)
			result := map[string]interface{}{}
			for name, member := range members {
				result[name] = made(member)
			}
			return result
		default:
			var plain interface{}
			read(raw, &plain)
			return plain
		}
	}
	panic("a value without a type")
}

func allMade(values []tagged) []interface{} {
	result := []interface{}{}
	for _, value := range values {
		result = append(result, made(value))
	}
	return result
}

func told(value interface{}) map[string]interface{} {
	switch value := value.(type) {
	case int64:
		return map[string]interface{}{"int": value}
	case float64:
		return map[string]interface{}{"double": value}
	case bool:
		return map[string]interface{}{"boolean": value}
	case string:
		return map[string]interface{}{"string": value}
	case time.Time:
		return map[string]interface{}{"dateTime": value.Format(dateTime)}
	case []interface{}:
		items := []interface{}{}
		for _, item := range value {
			items = append(items, told(item))
		}
		return map[string]interface{}{"array": items}
	case map[string]interface{}:
		members := map[string]interface{}{}
		for name, member := range value {
			members[name] = told(member)
		}
		return map[string]interface{}{"struct": members}
	default:
		return map[string]interface{}{"untyped": fmt.Sprint(value)}
	}
}

var faultText = regexp.MustCompile(`(?s)^Fault\((-?\d+)\): (.*)$`)

// A fault comes through net/rpc, which leaves only its text.
func failed(text string) map[string]interface{} {
	found := faultText.FindStringSubmatch(text)
	if found == nil {
		return map[string]interface{}{"error": text}
	}
	code, _ := strconv.Atoi(found[1])
	return map[string]interface{}{
		"fault": map[string]interface{}{"code": code, "string": found[2]}}
}

func outcome(client *xmlrpc.Client, line []byte) (result map[string]interface{}) {
	defer func() {
		if trouble := recover(); trouble != nil {
			result = map[string]interface{}{"error": fmt.Sprint(trouble)}
		}
	}()
	var asked step
	read(line, &asked)
	var answer interface{}
	err := client.Call(asked.Method, allMade(asked.Params), &answer)
	if err != nil {
		return failed(err.Error())
	}
	return map[string]interface{}{"result": told(answer)}
}

func main() {
	client, err := xmlrpc.NewClient(os.Args[1], nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	output := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		output.Encode(outcome(client, lines.Bytes()))
	}
}
