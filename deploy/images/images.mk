# Images, by docker, podman or buildah, whichever works: docs/images.md. VERSION, REGISTRY, ENGINE, BASE and PYTHON_VERSION
# go through the environment: make VERSION=v1.0.0 REGISTRY=ghcr.io/myorg images
PLUGINS := $(notdir $(patsubst %/plugin.toml,%,$(wildcard src/prism/backends/*/plugin.toml)))
ROLES := kafka-publisher kafka-consumer nats-publisher nats-consumer mailbox-listener transact-processor indexed-reader
IMAGES := gateway $(PLUGINS) $(ROLES)
export VERSION REGISTRY ENGINE BASE PYTHON_VERSION

.PHONY: images images-debug sizes build build-debug $(IMAGES) $(IMAGES:=-debug) $(PLUGINS:%=run-%)

images: setup-test  ## build all container images (make gateway, postgres, kafka-debug ...: single ones)
	@$(BIN)/python deploy/images/build.py

images-debug: setup-test  ## build the variants with a shell
	@$(BIN)/python deploy/images/build.py --debug

sizes: setup-test  ## what the images take
	@$(BIN)/python deploy/images/build.py --sizes

# As the README of the first plugins has them.
build: images
build-debug: images-debug

$(IMAGES) $(IMAGES:=-debug): setup-test
	@$(BIN)/python deploy/images/build.py $@

$(PLUGINS:%=run-%): setup-test
	@$(BIN)/python -m prism.sdk $(@:run-%=%) --probes 127.0.0.1:8081 --metrics 127.0.0.1:9090 $(ARGS)
