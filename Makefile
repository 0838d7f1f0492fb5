# The commands of this project. `make demo` and `make test` need Rust and Go, nothing else; what they build besides the
# operator is kept in $FLASHJOB_CACHE, outside the checkout.

# native, helm or auto: how the demo and `make up` make releases.
ENGINE ?= native
FLASHJOB_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flashjob
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
STATE ?= $(TARGET)/control-plane
export FLASHJOB_CACHE

.PHONY: help demo up down test unit sim screenshots test-real rollout-proof chaos chaos-api nightly e2e bench bench-speed bench-console bench-micro bench-real mutants lines lint checkov sbom reproducible generate site ci tools
help: ## Show this list.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | expand -t 16

demo: ## Flash twelve simulated devices, on a control plane of its own that is gone afterwards (ENGINE=native|helm; NODE=real, as root: six real transfers).
	@$(if $(filter real,$(NODE)),hack/demo-real.sh,tests/control-plane/demo.sh demo $(ENGINE))

up: ## Start a control plane, the operator and twelve devices, and leave them running (ENGINE=native|helm|auto).
	@tests/control-plane/demo.sh up $(ENGINE) $(STATE)

down: ## Stop what `make up` started.
	@tests/control-plane/down.sh $(STATE)

test: ## Run every test, the end-to-end ones included (TEST_THREADS=6 at a time: mostly they wait).
	@hack/test.sh

unit: ## Run the tests that need no control plane.
	cargo test --locked --workspace --lib --bins --examples

sim: ## Run the operator in simulated worlds full of faults, each from its seed (SEEDS=100 FIRST_SEED=1 HOSTILE=1 MODE=Pool|HostPort); one seed prints its history.
	SEEDS=$(or $(SEEDS),100) FIRST_SEED=$(or $(FIRST_SEED),1) HOSTILE=$(or $(HOSTILE),0) MODE=$(MODE) \
		cargo test --locked --workspace --lib simulation::as_many_seeds_as_are_asked_for -- --ignored --nocapture

chaos: ## Kill operators and helm at random for long, and audit it (ENGINE=both|native|helm KILLS=n SECONDS=n SEED=n HOSTILE=1 MODE=Pool|HostPort).
	tests/control-plane/build.sh >/dev/null
	CHAOS_ENGINE=$(if $(filter command line environment,$(origin ENGINE)),$(ENGINE),both) \
	CHAOS_KILLS=$(KILLS) CHAOS_SECONDS=$(SECONDS) CHAOS_SEED=$(SEED) \
	CHAOS_HOSTILE=$(HOSTILE) CHAOS_MODE=$(MODE) PATH="$$(tests/control-plane/build.sh):$$PATH" \
		cargo test --locked --workspace --test e2e chaos::as_much_chaos_as_is_asked_for -- --ignored --nocapture

rollout-proof: ## Roll out to many devices with faults and a kill of the operator in every step (DEVICES=500 RUNS=2).
	PATH="$$(tests/control-plane/build.sh):$$PATH" DEVICES=$(or $(DEVICES),500) RUNS=$(or $(RUNS),2) \
		cargo test --locked --workspace --test e2e rollout_proof::as_many_devices -- --ignored --nocapture

chaos-api: ## Let requests fail, hang and be lost at every rate, and take parts of the cluster away, for half an hour.
	PATH="$$(tests/control-plane/build.sh):$$PATH" cargo test --locked --workspace --test e2e -- --ignored --nocapture --test-threads 2 \
		faults:: leadership:: bad_input:: crash_points::

nightly: ## Run what takes too long for every change: chaos-api, chaos HOSTILE=1, rollout-proof, parity, sim, bench-real as root; two to four hours.
	@hack/nightly.sh

e2e: ## Run the end-to-end tests alone (TEST=part-of-a-name).
	PATH="$$(tests/control-plane/build.sh):$$PATH" cargo test --locked --workspace \
		--test e2e --test e2e_plugin --test e2e_console $(TEST)

screenshots: ## Draw what kubectl flashjob and the console show into docs/pictures: a rollout to twelve simulated devices, and to 1500 that are only stored.
	PATH="$$(tests/control-plane/build.sh):$$PATH" cargo test --locked --workspace \
		--test e2e_plugin -- --ignored --exact pictures::the_pictures_of_the_documents_are_drawn
	PATH="$$(tests/control-plane/build.sh):$$PATH" cargo test --locked --workspace \
		--test e2e_console -- --ignored --exact browser::pictures::the_pictures_of_the_console_are_drawn

test-real: ## Flash simulated devices over real TLS from a real kubelet and containerd, as root on Debian (TEST=part-of-a-name).
	@hack/test-real.sh $(TEST)

bench-real: ## Flash fifty devices for real and print what it costs, then fifty more while the operator is killed, drained, upgraded; as root, 10 minutes.
	@hack/test-real.sh fifty --ignored --nocapture

bench: $(if $(filter console,$(BENCH)),bench-console,bench-micro bench-speed) ## Measure speed and cost, 20 minutes; KEEP=1 into docs (BENCH=raw,native… or console, DEVICES= REPEAT= GROWTH= ORIGINAL_OPERATOR=).

bench-speed:
	PATH="$$(tests/control-plane/build.sh etcd kwok kubernetes helm helm3):$$PATH" cargo bench --locked --bench speed

bench-console:
	PATH="$$(tests/control-plane/build.sh):$$PATH" cargo test --locked --workspace \
		--test e2e_console -- --ignored --nocapture --exact browser::figures::what_pages_of_10_000_devices_and_200_streams_cost

bench-micro: ## Measure the pure parts alone, one minute.
	cargo bench --locked --bench micro -- --warm-up-time 1 --measurement-time 2
	cargo bench --locked --package helm-chart --bench speed

mutants: ## Change the pure rooms one small thing at a time and say which changes no unit test notices (ONLY=src/flashjob/plan).
	@hack/mutants.sh $(ONLY)

lines: ## Print how many lines of code each room has.
	@hack/lines.sh

lint: ## Formatting, clippy, rustdoc, charts, licences.
	@.ci/run fmt clippy doc charts deny

checkov: ## Hold checkov's findings on both charts against those that are explained (needs Python; kept in the cache).
	@hack/checkov.sh

sbom: ## Write the bills of materials of the operator and its console (CycloneDX) to target/sbom.
	@hack/sbom.sh

reproducible: ## Build the static programs of the image twice, in different directories, and compare the bytes.
	@hack/reproducible.sh

generate: ## Write the generated files: CRDs, what is rendered from the charts, references, pictures.
	@hack/generate.sh

site: ## Build the pages as a site to browse and search, in target/site.
	@hack/site.sh

ci: ## Everything that has to pass before a change lands.
	@.ci/run

tools: ## Build the control plane's programs and print their directory.
	@tests/control-plane/build.sh
