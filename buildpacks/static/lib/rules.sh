# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What a site says about its headers and addresses, as nginx's configuration. No text of the site
# gets there but through quoted, path_pattern and capture_target, which refuse what nginx would take
# for something else. Needs `die`; fills these:

maps=()     # for the http block: one variable for each header, empty where it does not apply
server=()   # for the server block: headers, and rules that come before files
fallback=() # for what is no file
rules_max=500

# A text as one word of nginx's configuration: quoted WHERE TEXT
quoted() {
	[[ $2 =~ ^[\ -~]*$ ]] || die "$1: '$2' must be made of printable ASCII characters"
	case $2 in *[\$\\]*) die "$1: '$2' must not have a \$ or a backslash" ;; esac
	printf '"%s"' "${2//\"/\\\"}"
}

# A path with "*", "**" or ":name" as a regular expression: path_pattern WHERE PATH STYLE [SAFE]
# STYLE netlify: "*" is everything from there on; heroku: "*" is a part, "**" everything. SAFE: what
# is captured may come back in a header, so a decoded line end must not be in it. Sets `pattern`, and
# `captures` to the names of its captures.
path_pattern() {
	local where=$1 path=$2 style=$3 part='[^/]' all='.' out='' i c name
	[ -z "${4:-}" ] || part='[!-.0-~]' all='[!-~]'
	[[ $path =~ ^[A-Za-z0-9._~/@\!\'\(\),\;=:+*\ %-]*$ ]] ||
		die "$where: '$path' has characters that a path pattern must not have"
	case $path in
	/*) ;;
	*) die "$where: '$path' must start with a slash" ;;
	esac
	captures=()
	for ((i = 0; i < ${#path}; i++)); do
		c=${path:i:1}
		if [ "$c" = '*' ] && [ "${path:i:2}" = '**' ]; then
			out+="($all*)" i=$((i + 1))
			captures+=(splat)
		elif [ "$c" = '*' ] && [ "$style" = netlify ]; then
			# "/shop/*" is "/shop", too
			if [[ $out == ?*/ ]]; then out="${out%/}(?:/($all*))?"; else out+="($all*)"; fi
			captures+=(splat)
		elif [ "$c" = '*' ]; then
			out+="($part*)"
			captures+=(splat)
		elif [ "$c" = : ] && [[ $out == */ ]] && [[ ${path:i+1} =~ ^([A-Za-z_][A-Za-z0-9_]*) ]]; then
			name=${BASH_REMATCH[1]}
			out+="($part+)" i=$((i + ${#name}))
			captures+=("$name")
		elif [[ $c =~ [A-Za-z0-9/_] ]]; then
			out+=$c
		else
			out+="[$c]"
		fi
	done
	[ ${#captures[@]} -le 9 ] || die "$where: '$path' has more than 9 variable parts"
	pattern="^$out\$"
}

# Where a rule leads, with its :names as nginx's captures: capture_target WHERE TEXT
capture_target() {
	local text=$2 i
	[[ $text =~ ^[!-~]+$ ]] || die "$1: '$text' must be made of printable ASCII characters"
	case $text in *[\$\\\"\<\>{}]*) die "$1: '$text' has a character that an address must not have" ;; esac
	for ((i = 0; i < ${#captures[@]}; i++)); do
		text=${text//:${captures[i]}/\$$((i + 1))}
	done
	target=$text
}

# add_header_rule WHERE PATTERN STYLE NAME VALUE
add_header_rule() {
	local where=$1 name=$4 value variable
	[[ $name =~ ^[A-Za-z0-9-]{1,100}$ ]] || die "$where: '$name' is no name of a header"
	case ${name,,} in
	content-length | content-encoding | content-type | transfer-encoding | connection | date | server | etag | last-modified)
		die "$where: the header '$name' is the server's own" ;;
	basic-auth) die "$where: Basic-Auth is not supported" ;;
	esac
	value=$(quoted "$where" "$5")
	path_pattern "$where" "$2" "$3"
	variable=header_${#maps[@]}
	[ ${#maps[@]} -lt $rules_max ] || die "$where: at most $rules_max headers are allowed"
	maps+=("map \$path \$$variable { default \"\"; \"~$pattern\" $value; }")
	server+=("add_header $name \$$variable always;")
}

# add_rule WHERE FROM STYLE TO STATUS FORCED: what happens to an address
add_rule() {
	local where=$1 to=$4 status=$5 forced=$6 safe=yes action
	[ $((${#server[@]} + ${#fallback[@]})) -lt $((2 * rules_max)) ] ||
		die "$where: at most $rules_max rules are allowed"
	case $status in
	200 | 404) safe= ;;
	301 | 302 | 303 | 307 | 308) ;;
	*) die "$where: the status '$status' is not one of 200, 301, 302, 303, 307, 308 and 404" ;;
	esac
	path_pattern "$where" "$2" "$3" "$safe"
	case $status in
	200 | 404)
		case $to in
		*://* | //*) die "$where: '$to' is on another server, and proxies are not supported: let the browser go there with status 301 or 302, or write an app" ;;
		esac
		to=/${to#/}
		;;
	*) [[ $to =~ ^(/|https?://) ]] || die "$where: '$to' must start with a slash, http:// or https://" ;;
	esac
	capture_target "$where" "$to"
	case $status in
	200) action="rewrite \"$pattern\" \"$target\" $([ -n "$forced" ] && echo last || echo break);" ;;
	404) action="if (\$uri ~ \"$pattern\") { error_page 404 \"$target\"; return 404; }" ;;
	*)
		[[ $target == *\?* ]] || target+="\$is_args\$args"
		action="if (\$uri ~ \"$pattern\") { return $status \"$target\"; }"
		;;
	esac
	if [ -n "$forced" ] && [ "$status" != 404 ]; then
		server+=("$action")
	else
		fallback+=("$action")
	fi
}

# Netlify's _headers: a path, then its headers, each indented.
read_headers() { # FILE NAME
	local line path='' number=0 where
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1)) where="$2 line $((number))"
		line=${line%$'\r'}
		case $line in
		'' | '#'*) continue ;;
		[[:space:]]*)
			line=${line#"${line%%[![:space:]]*}"}
			case $line in '' | '#'*) continue ;; esac
			[ -n "$path" ] || die "$where: a header comes before the first path"
			[[ $line =~ ^([^:[:space:]]+):[[:space:]]*(.*)$ ]] || die "$where: expected 'NAME: VALUE'"
			add_header_rule "$where" "$path" netlify "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
			;;
		*) path=$line ;;
		esac
	done <"$1"
}

# Netlify's _redirects: "FROM TO [STATUS[!]]" a line.
read_redirects() { # FILE NAME
	local line words number=0 where status forced
	while IFS= read -r line || [ -n "$line" ]; do
		number=$((number + 1)) where="$2 line $((number))"
		read -r -a words <<<"${line%$'\r'}"
		[[ ${words[0]:-#} != '#'* ]] || continue
		[ ${#words[@]} -eq 2 ] || [ ${#words[@]} -eq 3 ] ||
			die "$where: expected 'FROM TO [STATUS]'; conditions and query parameters are not supported"
		status=${words[2]:-301} forced=
		[[ $status != *! ]] || forced=yes
		[[ ${words[0]} == /* ]] || die "$where: '${words[0]}' must be a path: whole domains are not supported"
		add_rule "$where" "${words[0]}" netlify "${words[1]}" "${status%!}" "$forced"
	done <"$1"
}
