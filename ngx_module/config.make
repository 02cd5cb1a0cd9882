# nginx compiles everything with the flags of its C: these are added for our objects alone. Read by nginx's configure.
for tokengate_source in $ngx_addon_dir/*.cpp $ngx_addon_dir/../core/*.cpp; do
    tokengate_object=`dirname $tokengate_source`
    tokengate_object=`basename $tokengate_object`/`basename $tokengate_source .cpp`.o
    echo "$NGX_OBJS/addon/$tokengate_object: CFLAGS += -std=c++20 -O2 -fvisibility=hidden -fvisibility-inlines-hidden"
done >> $NGX_MAKEFILE
