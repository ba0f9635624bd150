// Reads kind configurations as kind does: strictly, into its own types. Prints what is wrong, one line a file, and ends
// with 1 if anything is.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

func read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var cluster v1alpha4.Cluster
	if err := decoder.Decode(&cluster); err != nil {
		return err
	}
	if cluster.APIVersion != "kind.x-k8s.io/v1alpha4" || cluster.Kind != "Cluster" {
		return errors.New("it is no Cluster of kind.x-k8s.io/v1alpha4")
	}
	v1alpha4.SetDefaultsCluster(&cluster)
	controlPlanes := 0
	for _, node := range cluster.Nodes {
		switch node.Role {
		case v1alpha4.ControlPlaneRole:
			controlPlanes++
		case v1alpha4.WorkerRole:
		default:
			return fmt.Errorf("%q is no role of a node", node.Role)
		}
	}
	if controlPlanes == 0 {
		return errors.New("it has no control plane")
	}
	return nil
}

func main() {
	code := 0
	for _, path := range os.Args[1:] {
		if err := read(path); err != nil {
			fmt.Printf("%s: %v\n", path, err)
			code = 1
		}
	}
	os.Exit(code)
}
