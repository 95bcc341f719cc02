# A small chat frontend in shell for the quickstart: connects a user, asks, shows the answer as it streams.
# Sourced by bash; uses $api, $frontend_key, $state, $return_to. Keeps each user's grant in a file of its own.

client_ready() {
    client_headers=$state/frontend.header
    (umask 077 && printf 'Authorization: Bearer %s\n' "$(cat "$frontend_key")" >"$client_headers")
}

# The key and the grant go in by files, codes by standard input: never by an argument that `ps` would show.
call() { curl -sS --max-time 180 -H @"$client_headers" -H 'Content-Type: application/json' "$@"; }
user_url() { printf '%s/v1/users/%s' "$api" "$(jq -rn --arg u "$1" '$u|@uri')"; }

grant_file() { printf '%s/grants/%s' "$state" "$(printf '%s' "$1" | sha256sum | cut -d' ' -f1)"; }

# grant_keep USER: the grant on standard input, if there is one, is the user's from now on.
grant_keep() {
    local file grant
    read -r grant || true
    [ -n "$grant" ] || return 0
    file=$(grant_file "$1")
    (
        umask 077
        mkdir -p "$state/grants"
        printf 'Cloister-Grant: %s\n' "$grant" >"$file.$$"
    )
    mv "$file.$$" "$file"
}

# call_as USER CURL-ARGUMENT...: with the user's grant, if there is one; takes over a renewed one.
call_as() {
    local user=$1 file reply status=0 with=()
    shift
    file=$(grant_file "$user")
    [ ! -e "$file" ] || with=(-H @"$file")
    reply=$(umask 077 && mktemp)
    call "${with[@]}" -D "$reply" "$@" || status=$?
    tr -d '\r' <"$reply" | sed -n 's/^[Cc]loister-[Gg]rant: *//p' | grant_keep "$user"
    rm -f "$reply"
    return $status
}

# Without a grant nobody may ask; such a user is connected again.
connection_state() {
    [ -e "$(grant_file "$1")" ] || return 0
    call_as "$1" "$(user_url "$1")/connections/google" | jq -r '.state // "none"' 2>/dev/null
}

redeem() {
    local reply
    reply=$(umask 077 && mktemp)
    printf '%s' "$2" | jq -R '{code: .}' | call -X POST --data @- "$(user_url "$1")/connections/redeem" >"$reply"
    jq -e .grant "$reply" >/dev/null || {
        jq -r '.detail // "redeem failed"' "$reply" >&2
        rm -f "$reply"
        return 1
    }
    jq -r .grant "$reply" | grant_keep "$1"
    rm -f "$reply"
}

# The stand-in Google's accounts have plain names; a user's name may be anything.
account_name() {
    case $1 in
        [A-Za-z]*) printf '%s' "$1" | LC_ALL=C grep -qx '[A-Za-z0-9._+-]*' && { printf '%s' "$1"; return; } ;;
    esac
    printf 'user-%s' "$(printf '%s' "$1" | sha256sum | cut -c1-12)"
}

# visit URL CURL-ARGUMENT...: a browser's request; the address goes in by standard input, it may hold a code.
visit() {
    local url=$1
    shift
    printf 'url = "%s"\n' "$url" | curl -sS -K - "$@"
}

# Walks the stand-in's consent pages as a browser would: cookie, form, redirect.
consent_at_stand_in() {
    local user=$1 url=$2 jar page form action back
    jar=$(mktemp) page=$(mktemp)
    visit "$url" -c "$jar" -b "$jar" -o /dev/null -D "$page"
    form=$(sed -n 's/^[Ll]ocation: *//p' "$page" | tr -d '\r')
    [ -n "$form" ] || { say "the connect link did not lead to Google"; return 1; }
    visit "$form" --cacert "$state/world/ca.pem" -o "$page"
    action=$(sed -n 's/.*<form[^>]*action="\([^"]*\)".*/\1/p' "$page" | head -n 1 | sed 's/&amp;/\&/g')
    case $action in
        http*) ;;
        /*) action=$(printf '%s' "$form" | sed 's|^\(https\{0,1\}://[^/]*\).*|\1|')$action ;;
        *) action=$form ;;
    esac
    local fields=() name value
    while IFS=$'\t' read -r name value; do
        fields+=(--data-urlencode "$name=$value")
    done < <(grep -o '<input[^>]*>' "$page" | grep -v 'type="\(submit\|radio\)"' | grep -v 'name="account"' |
        sed -n 's/.*name="\([^"]*\)".*value="\([^"]*\)".*/\1\t\2/p' | sed 's/&amp;/\&/g; s/&quot;/"/g; s/&#39;/'"'"'/g')
    back=$(visit "$action" --cacert "$state/world/ca.pem" -o /dev/null -w '%{redirect_url}' "${fields[@]}" \
        --data-urlencode "account=$(account_name "$user")" --data-urlencode "decision=allow")
    [ -n "$back" ] || { say "the stand-in Google did not send the browser back"; return 1; }
    visit "$back" -b "$jar" -c "$jar" -o "$page" -w '%{redirect_url}' | sed -n 's/.*[?&]code=\([^&]*\).*/\1/p'
    rm -f "$jar" "$page"
}

ensure_connected() {
    local user=$1 url code
    [ "$(connection_state "$user")" != active ] || return 0
    url=$(jq -n --arg r "$return_to" '{features: ["availability", "events"], return_to: $r}' |
        call -X POST --data @- "$(user_url "$user")/connect-links" | jq -r '.url // empty')
    [ -n "$url" ] || die "could not make a connect link for $user"
    if [ -z "$config" ]; then
        say "Connecting $user through the stand-in's consent pages"
        code=$(consent_at_stand_in "$user" "$url") || die "could not connect $user"
    else
        say "$user is not connected yet. Open this address in a browser on this machine within 10 minutes:"
        say "  $url"
        [ "$action" != ask ] || [ -t 2 ] || exit 3
        code=$("$prefix/libexec/cloister/cloister-catch" "${return_to}" 600) || exit 3
    fi
    [ -n "$code" ] || die "no code came back for $user"
    redeem "$user" "$code" || die "could not redeem the connection of $user"
    say "$user is connected."
}

# client_ask USER TEXT: streams the answer; 0 done, 2 ended in an error.
client_ask() {
    local event= status=1 line data zone
    zone=$(cat /etc/timezone 2>/dev/null || true)
    [ -e "/usr/share/zoneinfo/$zone" ] && [ -n "$zone" ] || zone=$(readlink /etc/localtime | sed -n 's|.*/zoneinfo/||p')
    while IFS= read -r line || [ -n "$line" ]; do # a problem document may end without a newline
        line=${line%$'\r'}
        case $line in
            'event: '*) event=${line#event: } ;;
            'data: '*)
                data=${line#data: }
                case $event in
                    delta) jq -rj .text <<<"$data" ;;
                    tool) [ ! -t 2 ] || say "  [$(jq -r '.name + " " + .state' <<<"$data")]" ;;
                    done)
                        status=0
                        jq -r '.grant // empty' <<<"$data" | grant_keep "$1"
                        ;;
                    error)
                        echo >&2
                        jq -r '"error " + .code + ": " + .detail + (if .action_url then "\n  " + .action_url else "" end)' <<<"$data" >&2
                        status=2
                        ;;
                esac
                ;;
            '{'*) # refused before the stream began: a problem document
                jq -r '(.code // "error") + ": " + (.detail // "refused") + (if .action_url then "\n  " + .action_url else "" end)' <<<"$line" >&2
                status=2
                ;;
        esac
    done < <(jq -n --arg u "$1" --arg m "$2" --arg z "${zone:-UTC}" '{user: $u, message: $m, timezone: $z}' |
        call_as "$1" -N -X POST -H 'Accept: text/event-stream' -H "Idempotency-Key: $(openssl rand -hex 16)" --data @- "$api/v1/chat")
    echo
    return $status
}

client_chat() {
    local text
    say ""
    say "Ask about the calendar of $1, for example: Am I free tomorrow at three? Put lunch with Sam there."
    say "An empty line or Ctrl-D ends the chat; Cloister keeps running (deploy/quickstart --stop)."
    while printf '\n> ' >&2 && IFS= read -r text && [ -n "$text" ]; do
        client_ask "$1" "$text" || true
    done
}
