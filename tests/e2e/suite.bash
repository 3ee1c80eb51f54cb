# bats runs these once around all end-to-end and security tests.

# shellcheck source-path=SCRIPTDIR source=instance.bash
source "$(dirname "${BASH_SOURCE[0]}")/instance.bash"

setup_suite() {
	instance_up >&2
}

teardown_suite() {
	instance_down
}
