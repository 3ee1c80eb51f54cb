#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Maven, its plugins and libraries as they are in Debian, from a repository of the test's own, which
# Debian's Gradle uses too.

# $app, $dir and $host come from app.bash
# shellcheck disable=SC2154
load ../e2e/helper
load ../e2e/app
load ../e2e/index

setup_file() {
	export REPO=$BATS_FILE_TMPDIR/repo
	"$TEST_SOURCE/tests/tools/debian" "$BATS_FILE_TMPDIR/debian" 'lib.*-java|junit.*' maven libcommons-lang3-java \
		libmaven-{clean,compiler,install,jar,resources,shade}-plugin-java libsurefire-java junit5
	"$TEST_SOURCE/tests/tools/debian-maven" "$BATS_FILE_TMPDIR/debian" "$REPO"
	index_up "$REPO"
}

teardown_file() {
	index_down
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	destroy_new_apps
}

# What the last push fetched from the repository, but for what describes it.
fetched() {
	grep -oE '"GET [^ ]*\.(jar|zip) ' "$INDEX_LOG" || true
}

@test "maven: the wrapper's Maven and the app's settings.xml, all of it once; Debian's Maven and a mirror" {
	empty_app maven
	cp -R "$TEST_SOURCE/tests/apps/maven/." "$dir"
	sed -i "s,https://repo.example.test,$INDEX_URL," "$dir/.mvn/wrapper/maven-wrapper.properties"
	cat >"$dir/settings.xml" <<-END
		<settings><mirrors><mirror><id>ours</id><mirrorOf>*</mirrorOf><url>$INDEX_URL</url></mirror></mirrors></settings>
	END
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "-----> Java app detected"
	assert_contains "$output" "Building with Maven: ./mvnw clean install"
	assert_contains "$output" "Including org.apache.commons:commons-lang3:jar:3.12.0 in the shaded jar"
	assert_contains "$output" "BUILD SUCCESS"
	assert_contains "$output" "target/shop-1.0.jar can be run"
	assert_contains "$(fetched)" /apache-maven-3.8.7-bin.zip
	assert_equal "$(http "$host")" "Greetings from java"
	# neither the compiler nor Maven is a part of the app
	run berth run "$app" 'command -v javac; ls -A'
	assert_contains "$output" pom.xml
	refute_contains "$output" javac
	refute_contains "$output" .m2

	: >"$INDEX_LOG"
	sed -i 's/greetings/welcome/' "$dir/src/main/java/Shop.java"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "Welcome from java"
	assert_equal "$(fetched)" ""

	# Debian's Maven; what was missing once is looked for again
	rm -r "$dir"/{mvnw,.mvn,settings.xml}
	berth config:set --no-restart "$app" MAVEN_MIRROR_URL="$INDEX_URL"
	sed -i 's/3\.12\.0/3.99/; s/>1.0</>1.1</' "$dir/pom.xml"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "Could not find artifact org.apache.commons:commons-lang3:jar:3.99 in berth ($INDEX_URL)"
	publish 3.99
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Building with Maven: mvn clean install"
	assert_contains "$output" "target/shop-1.1.jar can be run"
	assert_equal "$(http "$host")" "Welcome from java"

	echo 'java.runtime.version=17' >"$dir/system.properties"
	berth config:set --no-restart "$app" MAVEN_CUSTOM_GOALS=package
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Building with Maven: mvn package"
	echo 'java.runtime.version=99' >"$dir/system.properties"
	run push_app "$dir" "$app"
	[ "$status" -ne 0 ]
	assert_contains "$output" "system.properties asks for Java 99, but this stack has 17: ask for 17 or older"
}

# Another version of the library in the repository: publish VERSION
publish() {
	local library=$REPO/org/apache/commons/commons-lang3 file
	mkdir "$library/$1"
	cp "$library/3.12.0/commons-lang3-3.12.0.jar" "$library/$1/commons-lang3-$1.jar"
	sed "s,<version>3.12.0<,<version>$1<," "$library/3.12.0/commons-lang3-3.12.0.pom" >"$library/$1/commons-lang3-$1.pom"
	for file in "$library/$1"/*.{jar,pom}; do
		sha1sum <"$file" | cut -d' ' -f1 >"$file.sha1"
	done
}

@test "gradle: the task 'stage', a jar with its dependency, once" {
	empty_app gradle
	cp -R "$TEST_SOURCE/tests/apps/gradle/." "$TEST_SOURCE/tests/apps/maven/src" "$dir"
	berth config:set --no-restart "$app" REPO_URL="$INDEX_URL"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_contains "$output" "Building with Gradle: ./gradlew stage"
	assert_contains "$output" "BUILD SUCCESSFUL"
	assert_contains "$output" "build/libs/shop.jar can be run"
	assert_equal "$(http "$host")" "Greetings from java"
	: >"$INDEX_LOG"
	sed -i 's/greetings/welcome/' "$dir/src/main/java/Shop.java"
	run push_app "$dir" "$app"
	[ "$status" -eq 0 ]
	assert_equal "$(http "$host")" "Welcome from java"
	assert_equal "$(fetched)" ""
}
