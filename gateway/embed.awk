# Turns text files into one C table of struct asset (assets.h), named by their base names:
#   LC_ALL=C awk -f embed.awk FILE …
BEGIN {
    print "#include \"gateway/assets.h\"\n\nconst struct asset assets[] = {"
}
FNR == 1 {
    if (count++ > 0)
        print "    )},"
    base = FILENAME
    sub(/.*\//, "", base)
    printf "    {\"%s\", ASSET_TEXT(\n", base
}
{
    line = $0
    gsub(/\\/, "&&", line)
    gsub(/"/, "\\\"", line)
    print "     \"" line "\\n\""
}
END {
    if (count > 0)
        print "    )},"
    printf "};\nconst size_t assets_count = %d;\n", count
}
